"""Checks the arguments of `compile` and saves them in model files."""

import inspect
import warnings

import keras

from keras_contrastive.trainer.keras_internals import is_decayed
from keras_contrastive.trainer.keras_internals import is_private_module
from keras_contrastive.trainer.keras_internals import leave_undecayed


def loss_object(loss, named_losses, argument="loss"):
    """The loss object for an argument; `None` stands for the first name.

    Raises:
        ValueError: If it is not a loss of two embeddings that returns a scalar.
    """
    if loss is None and named_losses:
        loss = next(iter(named_losses))
    if isinstance(loss, str) and loss in named_losses:
        return named_losses[loss]()
    if isinstance(loss, tuple(named_losses.values())):
        # The method passes its own losses any further arguments they take.
        problem = _problem_of_reduction(loss)
    elif loss is None:
        raise ValueError(
            "`loss` must be given for a method without `named_losses`: pass a "
            "keras.losses.Loss object of two embeddings to `compile`, or set "
            "`named_losses` or override `compute_losses` in the class. "
            "Received: loss=None"
        )
    else:
        problem = _problem_of(loss)
    if problem:
        names = ", ".join(map(repr, named_losses))
        raise ValueError(
            f"`{argument}` must be {names + ' or ' if names else ''}a "
            "keras.losses.Loss object that takes two embeddings, such as "
            "keras_contrastive.losses.NTXentLoss(). "
            f"Received: {argument}={loss!r}{problem}"
        )
    return loss


def _problem_of(loss):
    """Why an object is not a loss of two embeddings, "" if it is one."""
    if not isinstance(loss, keras.losses.Loss):
        return ", which is not a loss object"
    name = type(loss).__name__
    if name != "CosineSimilarity" and (
        getattr(keras.losses, name, None) is type(loss)
    ):
        return ", a loss of targets and predictions"
    signature = inspect.signature(loss.call)
    if next(iter(signature.parameters), None) == "labels":
        return (
            ", a loss of labels and embeddings. Use it in a SimCLRModel, or "
            "in a Keras model of images and labels, such as "
            "keras.Sequential([encoder, projector])"
        )
    try:
        signature.bind(None, None)
    except TypeError:
        return f", whose `call` takes {signature}"
    return _problem_of_reduction(loss)


def _problem_of_reduction(loss):
    if loss.reduction in (None, "none"):
        return f", which is not a scalar: its reduction is {loss.reduction!r}"
    return ""


def parameters(loss):
    """The names of the arguments that a loss takes."""
    return set(inspect.signature(loss.call).parameters)


def check_takes_queue(loss, argument, example):
    """Raises unless a loss takes the contents of the model's queue.

    Args:
        loss: The compiled loss.
        argument: Name of the argument of the loss that receives them.
        example: Name of a loss with this argument.
    """
    if argument not in parameters(loss):
        raise ValueError(
            f"`loss` must be a loss with an argument `{argument}`, such as "
            f"keras_contrastive.losses.{example}(), for a model with a queue. "
            f"Received: loss={loss!r}; pass queue_size=None to the model for "
            "other losses."
        )


def metric_objects(name, metrics):
    """The metrics of the argument called `name`, as a list.

    Raises:
        ValueError: If Keras would call one of them on labels.
    """
    if metrics is None:
        return []
    if isinstance(metrics, keras.metrics.Metric):
        metrics = [metrics]
    is_list = isinstance(metrics, (list, tuple))
    for metric in metrics if is_list else [metrics]:
        if not isinstance(metric, keras.metrics.Metric):
            raise ValueError(
                f"`{name}` must be keras.metrics.Metric objects that take "
                "two embeddings, such as "
                "keras_contrastive.metrics.Alignment(), one or a list of "
                f"them. Received: {metric!r}"
            )
    return list(metrics)


def usable_jit_compile(jit_compile):
    """The `jit_compile` to pass to Keras: on PyTorch never `True`.

    torch.compile splits a step into some hundred graphs, traces them for
    minutes, and gains nothing.

    Raises:
        ValueError: If `jit_compile` is not a valid choice.
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
    """Converts Keras' config to one for this model and all backends."""
    # This model's `compile` has no such argument.
    config.pop("loss_weights", None)
    serialize = keras.saving.serialize_keras_object
    config["microbatch_size"] = model.microbatch_size
    config["loss"] = serialize(model.loss)
    config["metrics"] = serialize(model.step_metrics.metrics)
    config["weighted_metrics"] = serialize(model.step_metrics.weighted_metrics)
    # Keras stores what "auto" resolved to here, which would be the wrong
    # choice on another backend or device.
    config["jit_compile"] = model._jit_compile_argument
    # On PyTorch Keras stores its private variant of an optimizer, which
    # fails on the other backends.
    if is_private_module(config["optimizer"]["module"]):
        config["optimizer"]["module"] = "keras.optimizers"
    # The config of a layer does not record every frozen variable.
    config["trainable"] = [bool(v.trainable) for v in model.weights]
    # Keras does not store the variables excluded from weight decay.
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
    trainable = config.pop("trainable", None)
    model.compile(**config)
    if not model.built:
        return
    weights = model.weights
    if trainable is None:  # a file of an earlier version
        trainable = [v.trainable for v in weights]
    # The number of weights differs if the model had LoRA adapters, which files
    # do not hold.
    if len(trainable) == len(weights):
        for variable, was_trainable in zip(weights, trainable, strict=True):
            if not was_trainable:
                variable.trainable = False
        variables = model.trainable_variables
        leave_undecayed(model.optimizer, [variables[i] for i in undecayed])
    model.optimizer.build(model.trainable_variables)
