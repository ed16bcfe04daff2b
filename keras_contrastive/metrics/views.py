"""What the metrics of a batch share: checks and blocks of similarities."""

import math

from keras import ops

# Keys compared at once: keeps a metric's memory linear in the batch.
BLOCK_SIZE = 1024


def check_views(z_a, z_b, names=("z_a", "z_b")):
    """Raises unless both are matrices of the same shape, as far as known."""
    shape_a, shape_b = tuple(z_a.shape), tuple(z_b.shape)
    both = f"`{names[0]}` and `{names[1]}`"
    if len(shape_a) != 2 or len(shape_b) != 2:
        raise ValueError(
            f"{both} must have shape (batch, dim). "
            f"Received shapes {shape_a} and {shape_b}."
        )
    for size_a, size_b in zip(shape_a, shape_b, strict=True):
        if None not in (size_a, size_b) and size_a != size_b:
            raise ValueError(
                f"{both} must have the same shape, row i of each being an "
                f"example. Received shapes {shape_a} and {shape_b}."
            )


def fold_similarities(function, initial, queries, keys=None):
    """Folds a function over all queries' similarities to blocks of keys.

    The matrix `queries @ keys.T` never exists as a whole: it would take
    268 MB for a batch of 4096 pairs of views.

    Args:
        function: `function(state, similarities, key_index) -> state`.
            `similarities` is `(n, block)`, `key_index` `(block,)`. The
            similarity to a key of an earlier block is `-inf`.
        initial: The state before the first block, as for `ops.fori_loop`.
        queries: Float32 tensor of shape `(n, dim)`.
        keys: Float32 tensor of shape `(n, dim)`. `None` takes the queries,
            each one compared with all the others: the similarity of a row to
            itself is then `-inf` too.

    Returns:
        The state after the last block.
    """
    # A metric is no part of the loss, and JAX cannot transpose such a loop.
    queries = ops.stop_gradient(queries)
    excludes_itself = keys is None
    keys = queries if excludes_itself else ops.stop_gradient(keys)
    n = ops.shape(queries)[0]
    is_static = isinstance(n, int)
    block = min(BLOCK_SIZE, n) if is_static else ops.minimum(BLOCK_SIZE, n)
    row_index = ops.arange(n, dtype="int32")[:, None]

    def visit(i, state):
        first_unseen = i * block
        # The last block ends with the last row and may overlap the one before.
        start = ops.minimum(first_unseen, n - block)
        key_index = start + ops.arange(block, dtype="int32")
        visited = ops.slice(keys, (start, 0), (block, keys.shape[1]))
        similarities = ops.matmul(queries, ops.transpose(visited))
        is_excluded = key_index < first_unseen
        if excludes_itself:
            is_excluded = ops.logical_or(is_excluded, key_index == row_index)
        similarities = ops.where(is_excluded, -math.inf, similarities)
        return function(state, similarities, key_index)

    if is_static and block == n:
        return visit(0, initial)  # sooner compiled than a loop of one round
    return ops.fori_loop(0, -(-n // block), visit, initial)
