"""Private names of Keras, as they are in versions 3.15.0 and 3.15.1."""

from typing import Any

import keras

# Attaches a mask to a tensor inside `call`, as Keras' own `Masking` does: a
# layer that keeps other tokens in each call has no `compute_mask` to do it.
# Keras 3.16 has it under this path only.
from keras.src.backend.common.masking import set_keras_mask as set_keras_mask


def clear_losses(model: keras.Model) -> None:
    """Forgets the losses that the layers added in earlier calls."""
    model._clear_losses()


def all_layers(model: keras.Model) -> list[Any]:
    """The model, its layers and theirs."""
    return model._flatten_layers()


def layers_with_losses(model: keras.Model) -> list[Any]:
    """The layers that added a loss, apart from regularizers of weights."""
    return [layer for layer in all_layers(model) if layer._get_own_losses()]
