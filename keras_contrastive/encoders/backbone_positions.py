"""Restores position embeddings that keras-hub leaves out or loses."""

import numpy as np
from keras import ops

from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import interpolate_positions


def fill_position_ids(backbone):
    """Sets the position ids of encoders without a preset to 0, 1, 2, ...

    In keras-hub's `CLIPVisionEncoder` and both encoders of SigLIP, the ids are
    all zero until a preset is loaded, so the patches and tokens have no
    positions.
    """
    for variable in backbone.variables:
        if variable.name == "position_ids" and not np.any(
            ops.convert_to_numpy(variable)
        ):
            ids = np.arange(variable.shape[-1], dtype=variable.dtype)
            variable.assign(np.broadcast_to(ids, variable.shape))


def write_back_positions(backbone):
    """Writes trained positions to the saved weight of a `DINOV2Backbone`.

    keras-hub trains a copy that is resized for the images. On saving, it writes
    the copy back only if the sum of its changes is positive.
    """
    for layer in all_layers(backbone):
        if type(layer).__name__ == "DINOV2Embedding":
            layer.position_embeddings.assign(
                interpolate_positions(
                    layer,
                    layer.interpolated_position_embeddings,
                    patch_size=layer.patch_size,
                    source_shape=layer.image_shape,
                    target_shape=layer.position_embedding_shape,
                    antialias=layer.antialias_in_interpolation,
                )
            )
