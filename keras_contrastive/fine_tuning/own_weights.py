"""The weights and the path of a layer, without its sublayers."""

from typing import Any

import keras

from keras_contrastive.trainer.keras_internals import all_layers


def own_weights(layer: keras.Layer) -> list[Any]:
    """The weights that the layer holds itself, without random states."""
    nested = {
        id(weight)
        for each in all_layers(layer)
        if each is not layer
        for weight in each.weights
    }
    return [each for each in layer.weights if id(each) not in nested]


def freeze(layer: keras.Layer) -> None:
    """Freezes the weights that the layer holds itself, and batch statistics.

    A layer with sublayers stays trainable, since its sublayers may be
    trainable.
    """
    if len(all_layers(layer)) == 1:
        layer.trainable = False
    for weight in own_weights(layer):
        weight.trainable = False


def path_of(layer: keras.Layer) -> str:
    """The path of a layer that has weights of its own.

    `layer.path` is `None` if another layer has built the layer.
    """
    return own_weights(layer)[0].path.rpartition("/")[0]
