"""The denominators of images and texts that look for each other."""

from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.logit_blocks import logsumexp_blocks


def clip_denominators(images, texts, logit_scale, block_size, gather):
    """`log sum_j exp(s x_i . y_j) + log sum_j exp(s x_j . y_i)`.

    Args:
        images: Float32 tensor of shape `(n, d)`, the `x_i`.
        texts: Float32 tensor of shape `(n, d)`, the `y_i`.
        logit_scale: Scalar `s`.
        block_size: Int, keys per block, or `None` to choose it automatically.
        gather: Whether the sums run over the rows of all replicas.

    Returns:
        Float32 tensor of shape `(n,)`.
    """
    if gather and distribution.num_replicas() > 1:
        return sum(
            logsumexp_blocks(
                queries, distribution.all_gather(keys), logit_scale, block_size
            )
            for queries, keys in ((images, texts), (texts, images))
        )
    # Both from one set of logits.
    n = ops.shape(images)[0]
    both = logsumexp_blocks(
        images, texts, logit_scale, block_size, of_columns=True
    )
    return both[:n] + both[n:]
