"""Records the frozen layers and weights of an encoder in its config."""

from collections.abc import Iterable

import keras

from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import own_trainable


def frozen_parts(encoder: keras.Layer) -> list[str]:
    """Paths of the frozen layers, and of frozen weights in other layers."""
    parts = []
    for layer in all_layers(encoder)[1:]:
        own = own_trainable(layer)
        if own and not layer.trainable:
            parts.append(_path_of(own))
        else:
            parts.extend(v.path for v in own if not v.trainable)
    return parts


def freeze_parts(encoder: keras.Layer, parts: Iterable[str]) -> None:
    """Freezes the layers and weights that `frozen_parts` returned."""
    parts = set(parts)
    for layer in all_layers(encoder)[1:]:
        own = own_trainable(layer)
        if own and _path_of(own) in parts:
            layer.trainable = False
        for variable in own:
            if variable.path in parts:
                variable.trainable = False


def _path_of(own):
    """The path of a layer, from those of its own weights."""
    return own[0].path.rpartition("/")[0]
