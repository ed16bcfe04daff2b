"""What a loss takes of a model's logit scale, and where it says to start."""

import inspect

from keras_contrastive.layers.logit_scale import LogitScale


def parameters(loss):
    """The names of the arguments that a loss takes."""
    return set(inspect.signature(loss.call).parameters)


def scale_for(loss, logit_scale=None):
    """A scale that starts where the loss says.

    It is `logit_scale` where that is not `None`.

    Raises:
        ValueError: If `logit_scale` started elsewhere.
    """
    start = loss.temperature, getattr(loss, "bias", None)
    if logit_scale is None:
        return LogitScale(start[0], initial_bias=start[1])
    started = logit_scale.initial_temperature, logit_scale.initial_bias
    if start != started:
        raise ValueError(
            "`loss` must start where the model did, once the model has a "
            f"logit scale. Received: loss={loss!r}, whose temperature and "
            f"bias start at {start}, with a model that started at {started}. "
            "Make a new model, or give it a `logit_scale` of your own."
        )
    return logit_scale
