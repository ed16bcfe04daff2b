"""What a contrastive model's `compile` takes, and what files hold of it."""

import keras

from keras_contrastive.optimizers.weight_decay import is_decayed
from keras_contrastive.optimizers.weight_decay import leave_undecayed


def loss_object(loss, named_losses):
    """The loss that an argument stands for; the first name for `None`."""
    if loss is None:
        loss = next(iter(named_losses))
    if isinstance(loss, str) and loss in named_losses:
        return named_losses[loss]()
    if not isinstance(loss, keras.losses.Loss):
        names = ", ".join(repr(name) for name in named_losses)
        raise ValueError(
            f"`loss` must be {names} or a keras.losses.Loss object that "
            "takes two embeddings, such as "
            "keras_contrastive.losses.NTXentLoss(). "
            f"Received: loss={loss!r}"
        )
    return loss


def check_metrics(metrics):
    """Raises for metrics that Keras would call on labels."""
    for metric in metrics:
        if not isinstance(metric, keras.metrics.Metric):
            raise ValueError(
                "`metrics` must be keras.metrics.Metric objects that take "
                "two embeddings, such as "
                "keras_contrastive.metrics.Alignment(). "
                f"Received: {metric!r}"
            )


def check_microbatch_size(microbatch_size):
    """Raises unless it is a positive number or `None`."""
    if microbatch_size is not None and not microbatch_size >= 1:
        raise ValueError(
            "`microbatch_size` must be a positive integer or None. "
            f"Received: microbatch_size={microbatch_size}"
        )


def portable_config(model, config):
    """The config that Keras makes, as this model and every backend take it."""
    # Both are not of the model's arguments.
    config.pop("loss_weights", None)
    config.pop("weighted_metrics", None)
    config["microbatch_size"] = model.microbatch_size
    config["loss"] = keras.saving.serialize_keras_object(model.loss)
    # Keras stores what "auto" came to here, which on another backend, or
    # another device, would be the wrong choice.
    config["jit_compile"] = model._jit_compile_argument
    # On PyTorch Keras stores its private variant of an optimizer, which
    # fails on the other backends.
    if config["optimizer"]["module"].startswith("keras.src.backend."):
        config["optimizer"]["module"] = "keras.optimizers"
    # Nor does it store what was left out of weight decay.
    config["undecayed"] = [
        index
        for index, variable in enumerate(model.trainable_variables)
        if not is_decayed(model.optimizer, variable)
    ]
    return config


def compile_from(model, config):
    """Compiles a model from its `portable_config`."""
    config = keras.saving.deserialize_keras_object(config)
    undecayed = config.pop("undecayed")
    model.compile(**config)
    if model.built:
        variables = model.trainable_variables
        leave_undecayed(model.optimizer, [variables[i] for i in undecayed])
        model.optimizer.build(variables)
