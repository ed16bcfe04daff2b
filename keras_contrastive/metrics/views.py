"""What the metrics of two views share: checks and blocks of similarities."""

import math

from keras import ops

# Keys compared at once: keeps a metric's memory linear in the batch.
BLOCK_SIZE = 1024


def check_views(z_a, z_b):
    """Raises unless both are matrices of the same shape, as far as known."""
    shape_a, shape_b = tuple(z_a.shape), tuple(z_b.shape)
    if len(shape_a) != 2 or len(shape_b) != 2:
        raise ValueError(
            "`z_a` and `z_b` must have shape (batch, dim). "
            f"Received shapes {shape_a} and {shape_b}."
        )
    for size_a, size_b in zip(shape_a, shape_b, strict=True):
        if None not in (size_a, size_b) and size_a != size_b:
            raise ValueError(
                "`z_a` and `z_b` must have the same shape, row i of each "
                f"being an example. Received shapes {shape_a} and {shape_b}."
            )


def fold_similarities(function, initial, z):
    """Folds a function over all rows' similarities to blocks of rows.

    The matrix `z @ z.T` never exists as a whole: it would take 268 MB for a
    batch of 4096 pairs.

    Args:
        function: `function(state, similarities, key_index) -> state`.
            `similarities` is `(n, block)`, `key_index` `(block,)`. The
            similarity of a row to itself, and to a key of an earlier block,
            is `-inf`.
        initial: The state before the first block, as for `ops.fori_loop`.
        z: Float32 tensor of shape `(n, dim)`.

    Returns:
        The state after the last block.
    """
    # A metric is no part of the loss, and JAX cannot transpose such a loop.
    z = ops.stop_gradient(z)
    n = ops.shape(z)[0]
    is_static = isinstance(n, int)
    block = min(BLOCK_SIZE, n) if is_static else ops.minimum(BLOCK_SIZE, n)
    row_index = ops.arange(n, dtype="int32")[:, None]

    def visit(i, state):
        first_unseen = i * block
        # The last block ends with the last row and may overlap the one before.
        start = ops.minimum(first_unseen, n - block)
        key_index = start + ops.arange(block, dtype="int32")
        keys = ops.slice(z, (start, 0), (block, z.shape[1]))
        similarities = ops.matmul(z, ops.transpose(keys))
        is_excluded = ops.logical_or(
            key_index == row_index, key_index < first_unseen
        )
        similarities = ops.where(is_excluded, -math.inf, similarities)
        return function(state, similarities, key_index)

    return ops.fori_loop(0, -(-n // block), visit, initial)
