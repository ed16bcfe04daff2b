"""The InfoNCE primitive, from which the losses are composed."""

from typing import Any

from keras import ops

from keras_contrastive.losses.group_sums import sum_of_group
from keras_contrastive.losses.groups import belong_to_themselves
from keras_contrastive.losses.logit_blocks import logsumexp_blocks


def info_nce(
    queries: Any,
    keys: Any,
    positives: Any,
    logit_scale: Any,
    excluded: Any = None,
    block_size: int | None = None,
) -> Any:
    """InfoNCE: each query must find its positive among the keys.

    `loss_i = -log(exp(s q_i . k_p(i)) / sum_j exp(s q_i . k_j))`, with the
    sum over all keys but the excluded one.

    Args:
        queries: Float32 tensor of shape `(n, d)`, normalized rows.
        keys: Float32 tensor of shape `(m, d)`, normalized rows.
        positives: Int tensor of shape `(n,)`: index of each query's key.
        logit_scale: Positive scalar `s`, one over the temperature.
        excluded: Optional int tensor of shape `(n,)`: index of a key that is
            left out of the query's denominator, such as the query itself.
        block_size: Int, keys per block of logits; `None` chooses the size.

    Returns:
        Float32 tensor of shape `(n,)`, one loss per query.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    q, k = kc.losses.l2_normalize(np.random.normal(size=(2, 4, 8)))
    print(kc.losses.info_nce(q, k, np.arange(4), logit_scale=10.0))
    ```

    Reference:
        van den Oord et al., 2018, Representation Learning with Contrastive
        Predictive Coding, eq. 4.
    """
    denominator = logsumexp_blocks(
        queries, keys, logit_scale, block_size, excluded
    )
    positive = ops.sum(queries * ops.take(keys, positives, axis=0), axis=1)
    return denominator - logit_scale * positive


def multi_positive_info_nce(
    queries,
    keys,
    query_groups,
    key_groups,
    logit_scale,
    excluded=None,
    average="log",
    block_size=None,
):
    """InfoNCE with several positives: each query must find all of its group.

    The positives `P(i)` of a query are the keys of its group. With the softmax
    over the keys, `p_ij = exp(s q_i . k_j) / sum_j' exp(s q_i . k_j')`, the
    loss is `-mean_P(i) log p_ij` for the average `"log"`, and
    `-log mean_P(i) p_ij` for the average `"likelihood"`.

    Args:
        queries: Float32 tensor of shape `(n, d)`, normalized rows.
        keys: Float32 tensor of shape `(m, d)`, normalized rows.
        query_groups: Int tensor of shape `(n,)`; or sets of labels, 0 and 1 of
            shape `(n, labels)`: the group is then the keys that share a label.
        key_groups: Int tensor of shape `(m,)`, or `(m, labels)`.
        logit_scale: Positive scalar `s`, one over the temperature.
        excluded: Optional int tensor of shape `(n,)`: index of the query's own
            key, which is neither a positive nor in its denominator.
        average: `"log"` or `"likelihood"`.
        block_size: Int, keys per block of logits; `None` chooses the size.

    Returns:
        Float32 tensor of shape `(n,)`, one loss per query: 0 for those
        without a positive.

    Reference:
        Khosla et al., 2020, Supervised Contrastive Learning, eq. 2 (`"log"`)
        and 3 (`"likelihood"`).
    """
    total, count = sum_of_group(keys, key_groups, query_groups, block_size)
    if excluded is not None:
        # A query without labels is not in its own group.
        own = ops.cast(belong_to_themselves(query_groups), "float32")
        total = total - own[:, None] * ops.take(keys, excluded, axis=0)
        count = count - own
    divisor = ops.maximum(count, 1.0)
    denominator = logsumexp_blocks(
        queries, keys, logit_scale, block_size, excluded
    )
    if average == "log":
        positive = logit_scale * ops.sum(queries * total, axis=1) / divisor
    else:
        groups = query_groups, key_groups
        positive = logsumexp_blocks(
            queries, keys, logit_scale, block_size, excluded, groups
        ) - ops.log(divisor)
    return ops.where(count > 0, denominator - positive, 0.0)
