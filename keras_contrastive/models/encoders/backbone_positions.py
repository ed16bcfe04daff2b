"""Position embeddings that keras-hub leaves out or loses."""

import numpy as np
from keras import ops


def fill_position_ids(backbone):
    """Counts the positions of encoders without a preset: 0, 1, 2, ...

    In a `CLIPVisionEncoder` and both encoders of SigLIP of keras-hub the ids
    are all zero until a preset is loaded, and then no patch or token knows
    where it is.
    """
    for variable in backbone.variables:
        if variable.name == "position_ids" and not np.any(
            ops.convert_to_numpy(variable)
        ):
            ids = np.arange(variable.shape[-1], dtype=variable.dtype)
            variable.assign(np.broadcast_to(ids, variable.shape))


def write_back_positions(backbone):
    """Puts trained positions where a file keeps them, in a `DINOV2Backbone`.

    keras-hub trains a copy, resized for the images, and writes it back on
    saving only if the sum of its changes is positive.
    """
    for layer in backbone._flatten_layers():
        if type(layer).__name__ == "DINOV2Embedding":
            layer.position_embeddings.assign(
                layer._interpolate_position_embeddings(
                    layer.interpolated_position_embeddings,
                    patch_size=layer.patch_size,
                    source_shape=layer.image_shape,
                    target_shape=layer.position_embedding_shape,
                    antialias=layer.antialias_in_interpolation,
                )
            )
