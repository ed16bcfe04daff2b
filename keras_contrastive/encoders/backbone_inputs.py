"""The range of pixel values that a backbone takes."""

import numpy as np
from keras import layers

from keras_contrastive.trainer.keras_internals import all_layers


def rescales(backbone):
    """Whether a backbone rescales images in [0, 255] itself.

    It has a `Rescaling` layer, such as 1 / 127.5 in MobileNetV3, or a
    `Normalization` layer with the mean of such images, as in ConvNeXt.
    """
    return any(map(_is_of_bytes, all_layers(backbone)))


def _is_of_bytes(layer):
    if isinstance(layer, layers.Rescaling):
        return np.max(np.abs(layer.scale)) < 1 / 64
    if isinstance(layer, layers.Normalization):
        return layer.input_mean is not None and np.max(layer.input_mean) > 1
    return False
