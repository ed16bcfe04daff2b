"""What a contrastive model's `compile` takes, and what files hold of it."""

import inspect
import warnings

import keras

from keras_contrastive.optimizers.weight_decay import is_decayed
from keras_contrastive.optimizers.weight_decay import leave_undecayed


def loss_object(loss, named_losses):
    """The loss that an argument stands for; the first name for `None`.

    Raises:
        ValueError: If it is no loss of two embeddings that gives a scalar.
    """
    if loss is None and named_losses:
        loss = next(iter(named_losses))
    if isinstance(loss, str) and loss in named_losses:
        return named_losses[loss]()
    problem = _problem_of(loss)
    if problem:
        names = ", ".join(map(repr, named_losses))
        raise ValueError(
            f"`loss` must be {names + ' or ' if names else ''}a "
            "keras.losses.Loss object that takes two embeddings, such as "
            "keras_contrastive.losses.NTXentLoss(). "
            f"Received: loss={loss!r}{problem}"
        )
    return loss


def _problem_of(loss):
    """Why an object is no loss of two embeddings, "" where it is one."""
    if not isinstance(loss, keras.losses.Loss):
        return ", which is no such object"
    name = type(loss).__name__
    if name != "CosineSimilarity" and (
        getattr(keras.losses, name, None) is type(loss)
    ):
        return ", a loss of targets and predictions"
    signature = inspect.signature(loss.call)
    if next(iter(signature.parameters), None) == "labels":
        return (
            ", a loss of labels and embeddings. Use it in a model that is "
            "compiled with labels, such as keras.Sequential([encoder, "
            "projector])"
        )
    try:
        signature.bind(None, None)
    except TypeError:
        return f", whose `call` takes {signature}"
    if loss.reduction in (None, "none"):
        return f", which gives no scalar: its reduction is {loss.reduction!r}"
    return ""


def metric_objects(metrics):
    """The metrics that an argument stands for, as a list.

    Raises:
        ValueError: If Keras would call one of them on labels.
    """
    if isinstance(metrics, keras.metrics.Metric):
        metrics = [metrics]
    is_list = isinstance(metrics, (list, tuple))
    for metric in metrics if is_list else [metrics]:
        if not isinstance(metric, keras.metrics.Metric):
            raise ValueError(
                "`metrics` must be keras.metrics.Metric objects that take "
                "two embeddings, such as "
                "keras_contrastive.metrics.Alignment(), one or a list of "
                f"them. Received: {metric!r}"
            )
    return list(metrics)


def usable_jit_compile(jit_compile):
    """What to give to Keras, which on PyTorch is never `True`.

    torch.compile splits a step into some hundred graphs, traces them for
    minutes, and gains nothing.

    Raises:
        ValueError: If `jit_compile` is no choice.
    """
    if jit_compile not in (True, False, "auto"):
        raise ValueError(
            '`jit_compile` must be True, False or "auto". '
            f"Received: jit_compile={jit_compile!r}"
        )
    if keras.backend.backend() != "torch" or jit_compile is not True:
        return jit_compile
    warnings.warn(
        "`jit_compile=True` is not supported on PyTorch, where torch.compile "
        "would trace the training step for minutes and gain nothing. "
        "Proceeding with `jit_compile=False`.",
        stacklevel=3,
    )
    return False


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
