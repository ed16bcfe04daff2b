"""Layers that are created with `trainable=False`, as a file restores them."""

import keras

from keras_contrastive.trainer.keras_internals import all_layers


def freeze_sublayers(layer: keras.Layer) -> None:
    """Freezes the sublayers of a frozen layer, at the end of its `build`.

    Keras freezes them if `trainable` is set on a layer, but not if it is an
    argument of the constructor: a model around the layer would train them.
    """
    if not layer.trainable:
        for each in all_layers(layer)[1:]:
            each.trainable = False
