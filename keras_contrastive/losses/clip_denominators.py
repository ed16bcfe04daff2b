"""The denominators of the symmetric loss of images and texts."""

from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.logit_blocks import logsumexp_blocks


def clip_denominators(
    images, texts, logit_scale, block_size, gather, negatives=None
):
    """`log sum_j exp(s x_i . y_j) + log sum_j exp(s x_j . y_i)`.

    Args:
        images: Float32 tensor of shape `(n, d)`, the `x_i`.
        texts: Float32 tensor of shape `(n, d)`, the `y_i`.
        logit_scale: Scalar `s`.
        block_size: Int, keys per block, or `None` to choose it automatically.
        gather: Whether the sums run over the rows of all replicas.
        negatives: Optional float32 tensor of shape `(m, d)`: further `y_j` of
            the first sum.

    Returns:
        Float32 tensor of shape `(n,)`.
    """
    if gather and distribution.num_replicas() > 1:
        return sum(
            logsumexp_blocks(queries, keys, logit_scale, block_size)
            for queries, keys in (
                (images, with_negatives(texts, negatives, gather)),
                (texts, distribution.all_gather(images)),
            )
        )
    # One set of logits gives both. Negatives, the last columns, are not
    # queries.
    n = ops.shape(images)[0]
    both = logsumexp_blocks(
        images,
        with_negatives(texts, negatives, gather),
        logit_scale,
        block_size,
        of_columns=True,
    )
    return both[:n] + both[n : 2 * n]


def with_negatives(texts, negatives, gather):
    """The texts of all replicas, followed by the negatives of all."""
    rows = [texts] if negatives is None else [texts, negatives]
    if gather:
        rows = list(map(distribution.all_gather, rows))
    return ops.concatenate(rows, axis=0) if len(rows) > 1 else rows[0]
