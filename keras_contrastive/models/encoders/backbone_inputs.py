"""What values of pixels a backbone takes."""

import numpy as np
from keras import layers


def rescales(backbone):
    """Whether a backbone begins by making images in [0, 255] small itself.

    It does by a `Rescaling`, as 1 / 127.5 in MobileNetV3, or by a
    `Normalization` with the mean of such images, as in ConvNeXt.
    """
    return any(map(_is_of_bytes, backbone._flatten_layers()))


def _is_of_bytes(layer):
    if isinstance(layer, layers.Rescaling):
        return np.max(np.abs(layer.scale)) < 1 / 64
    if isinstance(layer, layers.Normalization):
        return layer.input_mean is not None and np.max(layer.input_mean) > 1
    return False
