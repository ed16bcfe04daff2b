"""Freezes sublayers of layers that are created with `trainable=False`."""

import keras

from keras_contrastive.trainer.keras_internals import all_layers


def freeze_sublayers(layer: keras.Layer) -> None:
    """Freezes the sublayers of a frozen layer, at the end of its `build`.

    Keras freezes them if `trainable` is set on a layer, but not if it is an
    argument of the constructor, as for a layer that is loaded from a file. A
    model that contains the layer would then train them.
    """
    if not layer.trainable:
        for each in all_layers(layer)[1:]:
            each.trainable = False
