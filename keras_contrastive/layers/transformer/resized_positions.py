import keras
import numpy as np
from keras import ops

from keras_contrastive.layers.transformer.position_embedding import (
    PositionEmbedding,
)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ResizedPositions(PositionEmbedding):
    """Adds the position embeddings of a grid of patches of any size.

    The learned embeddings belong to one grid. For another grid they are resized
    along both axes by Keys' cubic (a = -1/2), with samples at the centers of
    the patches. Tokens before the patches keep their own positions.

    Args:
        grid: Pair of ints, rows and columns of the grid that has embeddings.
        num_prefix_tokens: Int, tokens before the patches.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, width)`.
        patches: Tensor of shape `(batch, rows, columns, any)`. Only its shape
            is used: the grid of the tokens after the prefix, row by row.

    Returns:
        Float tensor of the shape of `inputs`.

    Raises:
        ValueError: If the height or the width of the grid is not known.

    Reference:
        Dosovitskiy et al., 2021, An Image is Worth 16x16 Words, section 3.2.
    """

    def __init__(self, grid, num_prefix_tokens=0, **kwargs):
        self.grid = tuple(grid)
        self.num_prefix_tokens = num_prefix_tokens
        rows, columns = self.grid
        super().__init__(num_prefix_tokens + rows * columns, **kwargs)

    def build(self, inputs_shape, patches_shape):
        super().build(inputs_shape)

    def call(self, inputs, patches):
        grid = tuple(patches.shape[1:3])
        if None in grid:
            raise ValueError(
                "The images must have a known height and width in a compiled "
                f"step. Received: patches.shape={patches.shape}"
            )
        return inputs + ops.cast(self._positions(grid), inputs.dtype)

    def _positions(self, grid):
        positions = ops.convert_to_tensor(self.position_embedding)
        if grid == self.grid:
            return positions
        prefix = positions[: self.num_prefix_tokens]
        of_grid = ops.reshape(
            positions[self.num_prefix_tokens :], (*self.grid, -1)
        )
        along_rows, along_columns = (
            ops.convert_to_tensor(resizing_matrix(old, new), positions.dtype)
            for old, new in zip(self.grid, grid, strict=True)
        )
        resized = ops.einsum(
            "ri,cj,ijw->rcw", along_rows, along_columns, of_grid
        )
        resized = ops.reshape(resized, (grid[0] * grid[1], -1))
        return ops.concatenate([prefix, resized])

    def compute_output_shape(self, inputs_shape, patches_shape):
        return inputs_shape

    def get_config(self):
        config = super().get_config()
        del config["max_length"]
        return {
            **config,
            "grid": self.grid,
            "num_prefix_tokens": self.num_prefix_tokens,
        }


def resizing_matrix(old: int, new: int) -> np.ndarray:
    """The matrix `(new, old)` that resizes a line of samples by Keys' cubic.

    Weights beyond the ends are added to the last sample.
    """
    centers = (np.arange(new) + 0.5) * old / new - 0.5
    matrix = np.zeros((new, old))
    first = np.floor(centers).astype(int) - 1
    for tap in range(4):
        distance = np.abs(first + tap - centers)
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
        places = np.clip(first + tap, 0, old - 1)
        np.add.at(matrix, (np.arange(new), places), weights)
    return matrix.astype("float32")
