"""The InfoNCE primitive: the one place where a logit matrix exists."""

from keras import ops

# Finite, so that a masked logit has weight exp(-1e30) = 0 and gradient 0
# where -inf would make 0 * inf = NaN.
_MASKED = -1e30


def info_nce(queries, keys, positives, logit_scale, excluded=None):
    """Cross entropy of each query's positive among the keys.

    `loss_i = -log(exp(s q_i . k_p(i)) / sum_j exp(s q_i . k_j))`, with the
    sum over all keys but the excluded one.

    Args:
        queries: Float32 tensor of shape `(n, d)`, normalised rows.
        keys: Float32 tensor of shape `(m, d)`, normalised rows.
        positives: Int tensor of shape `(n,)`: index of each query's key.
        logit_scale: Positive scalar `s`, one over the temperature.
        excluded: Optional int tensor of shape `(n,)`: index of a key that is
            left out of the query's denominator, such as the query itself.

    Returns:
        Float32 tensor of shape `(n,)`, one loss per query.

    Reference:
        van den Oord et al., 2018, Representation Learning with Contrastive
        Predictive Coding, eq. 4.
    """
    logits = _logits(queries, keys, logit_scale, excluded)
    positive_logits = ops.take_along_axis(logits, positives[:, None], axis=1)
    return ops.logsumexp(logits, axis=1) - positive_logits[:, 0]


def multi_positive_info_nce(
    queries,
    keys,
    query_groups,
    key_groups,
    logit_scale,
    excluded=None,
    average="log",
):
    """Cross entropy of queries that have any number of positives.

    The positives `P(i)` of a query are the keys of its group. With the softmax
    over the keys, `p_ij = exp(s q_i . k_j) / sum_j' exp(s q_i . k_j')`, the
    loss is `-mean_P(i) log p_ij` where the average is that of `"log"`
    likelihoods, and `-log mean_P(i) p_ij` where it is that of likelihoods.

    Args:
        queries: Float32 tensor of shape `(n, d)`, normalised rows.
        keys: Float32 tensor of shape `(m, d)`, normalised rows.
        query_groups: Int tensor of shape `(n,)`.
        key_groups: Int tensor of shape `(m,)`.
        logit_scale: Positive scalar `s`, one over the temperature.
        excluded: Optional int tensor of shape `(n,)`: index of a key that is
            neither a positive of the query nor in its denominator.
        average: `"log"` or `"likelihood"`.

    Returns:
        Float32 tensor of shape `(n,)`, one loss per query: 0 for those
        without a positive.

    Reference:
        Khosla et al., 2020, Supervised Contrastive Learning, eq. 2 (`"log"`)
        and 3 (`"likelihood"`).
    """
    logits = _logits(queries, keys, logit_scale, excluded)
    is_positive = query_groups[:, None] == key_groups[None, :]
    if excluded is not None:
        is_positive = ops.logical_and(is_positive, logits > _MASKED)
    count = ops.sum(ops.cast(is_positive, "float32"), axis=1)
    divisor = ops.maximum(count, 1.0)
    if average == "log":
        positive = ops.sum(ops.where(is_positive, logits, 0.0), axis=1)
        positive = positive / divisor
    else:
        positive = ops.where(is_positive, logits, _MASKED)
        positive = ops.logsumexp(positive, axis=1) - ops.log(divisor)
    losses = ops.logsumexp(logits, axis=1) - positive
    return ops.where(count > 0, losses, 0.0)


def _logits(queries, keys, logit_scale, excluded):
    logits = ops.matmul(queries * logit_scale, ops.transpose(keys))
    if excluded is not None:
        columns = ops.arange(ops.shape(keys)[0], dtype="int32")
        logits = ops.where(columns == excluded[:, None], _MASKED, logits)
    return logits
