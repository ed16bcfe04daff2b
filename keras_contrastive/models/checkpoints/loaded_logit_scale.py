import numpy as np

from keras_contrastive.layers.logit_scale import LogitScale


def loaded_logit_scale(log_scale, bias=None):
    """A `LogitScale` with the values of a checkpoint."""
    layer = LogitScale(
        # SigLIP's are above the bound that CLIP has.
        max_scale=max(100.0, float(np.exp(log_scale))),
        initial_bias=None if bias is None else float(bias),
    )
    layer.log_scale.assign(log_scale)
    return layer
