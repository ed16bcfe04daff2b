"""Checks and blocks of similarities, shared by the metrics of a batch."""

import math

from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.key_blocks import KeyBlocks
from keras_contrastive.matmul import matmul


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


def weight_of_each(sample_weight, embeddings):
    """The weights of a batch as a float32 tensor of shape `(batch,)`.

    Args:
        sample_weight: A number, or one per example, shape `(batch,)` or
            `(batch, 1)`; `None` for ones.
        embeddings: Tensor of shape `(batch, dim)`.

    Raises:
        ValueError: If `sample_weight` has another shape.
    """
    if sample_weight is None:
        sample_weight = 1.0
    weight = ops.cast(sample_weight, "float32")
    shape, batch = tuple(weight.shape), embeddings.shape[0]
    is_one_each = len(shape) < 2 or (len(shape) == 2 and shape[1] in (1, None))
    is_other_size = bool(shape) and (
        None not in (shape[0], batch) and shape[0] not in (1, batch)
    )
    if not is_one_each or is_other_size:
        raise ValueError(
            "`sample_weight` must be a number or one per example, shape "
            f"({batch},). Received: sample_weight.shape={shape}"
        )
    weight = ops.reshape(weight, (-1,))
    return ops.broadcast_to(weight, (ops.shape(embeddings)[0],))


def gather_views(z_a, z_b):
    """All views of all replicas as one matrix, and the rows of this replica.

    Args:
        z_a: Float tensor of shape `(b, dim)`, the first view of this replica.
        z_b: Float tensor of shape `(b, dim)`, the second view.

    Returns:
        The keys, shape `(2 * B, dim)` with `B` examples on all replicas, and
        the rows of the first and the second views of this replica's examples,
        two int32 tensors of shape `(b,)`.
    """
    all_a, all_b = distribution.all_gather(z_a), distribution.all_gather(z_b)
    own = own_rows(z_a)
    return ops.concatenate([all_a, all_b]), own, own + ops.shape(all_a)[0]


def own_rows(x):
    """The positions of this replica's rows of `x` in `all_gather(x)`."""
    n = ops.shape(x)[0]
    return ops.arange(n, dtype="int32") + n * distribution.replica_index()


def fold_similarities(function, initial, queries, keys, excluded=None):
    """Folds a function over all queries' similarities to blocks of keys.

    The matrix `queries @ keys.T` is never stored as a whole: it would take
    268 MB for a batch of 4096 pairs of views.

    Args:
        function: `function(state, similarities, key_index) -> state`.
            `similarities` is `(n, block)`, `key_index` `(block,)`. If blocks
            overlap, the similarity to a key of an earlier block is `-inf`.
        initial: The state before the first block, as for `ops.fori_loop`.
        queries: Float32 tensor of shape `(n, dim)`.
        keys: Float32 tensor of shape `(m, dim)`.
        excluded: Optional int tensor of shape `(n,)`: index of a key for which
            the query's similarity is also `-inf`.

    Returns:
        The state after the last block; `initial` without queries.
    """
    # A metric is not part of the loss, and JAX cannot transpose such a loop.
    queries = ops.stop_gradient(queries)
    keys = ops.stop_gradient(keys)
    n, m = ops.shape(queries)[0], ops.shape(keys)[0]
    if isinstance(n, int) and n == 0:
        return initial
    blocks = KeyBlocks(n, m, None)

    def visit(i, state):
        key_index = blocks.key_index(i)
        similarities = matmul(queries, ops.transpose(blocks.of(keys, i)))
        similarities = blocks.hide(i, similarities, -math.inf)
        if excluded is not None:
            is_excluded = key_index == excluded[:, None]
            similarities = ops.where(is_excluded, -math.inf, similarities)
        return function(state, similarities, key_index)

    return blocks.fold(visit, initial)
