import numpy as np

from keras_contrastive.layers.logit_scale import LogitScale


def loaded_logit_scale(log_scale, bias=None):
    """A `LogitScale` with the values of a checkpoint.

    The bound of the scale is never below the checkpoint's own scale, since
    otherwise the first optimizer step would change the scale.
    """
    scale = np.exp(np.asarray(log_scale, "float64"))
    has_bias = bias is not None
    layer = LogitScale(
        max_scale=None if has_bias else max(100.0, float(scale)),
        initial_bias=float(bias) if has_bias else None,
    )
    layer.log_scale.assign(log_scale)
    return layer
