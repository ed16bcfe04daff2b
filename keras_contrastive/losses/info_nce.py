"""The InfoNCE primitive: the one place where a logit matrix exists."""

from keras import ops

# Finite, so that a masked logit has weight exp(-1e30) = 0 and gradient 0
# where -inf would make 0 * inf = NaN.
_MASKED = -1e30


def info_nce(queries, keys, positives, temperature, excluded=None):
    """Cross entropy of each query's positive among the keys.

    `loss_i = -log(exp(q_i . k_p(i) / t) / sum_j exp(q_i . k_j / t))`, with the
    sum over all keys but the excluded one.

    Args:
        queries: Float32 tensor of shape `(n, d)`, normalised rows.
        keys: Float32 tensor of shape `(m, d)`, normalised rows.
        positives: Int tensor of shape `(n,)`: index of each query's key.
        temperature: Positive number `t`.
        excluded: Optional int tensor of shape `(n,)`: index of a key that is
            left out of the query's denominator, such as the query itself.

    Returns:
        Float32 tensor of shape `(n,)`, one loss per query.

    Reference:
        van den Oord et al., 2018, Representation Learning with Contrastive
        Predictive Coding, eq. 4.
    """
    logits = ops.matmul(queries, ops.transpose(keys)) / temperature
    if excluded is not None:
        columns = ops.arange(ops.shape(keys)[0], dtype="int32")
        logits = ops.where(columns == excluded[:, None], _MASKED, logits)
    positive_logits = ops.take_along_axis(logits, positives[:, None], axis=1)
    return ops.logsumexp(logits, axis=1) - positive_logits[:, 0]
