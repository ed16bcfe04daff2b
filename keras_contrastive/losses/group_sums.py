"""Sums over groups of keys whose members may be anywhere in the batch."""

from keras import ops

from keras_contrastive.losses.groups import belong_to_themselves
from keras_contrastive.losses.groups import belong_together
from keras_contrastive.losses.weighted_sums import weighted_sum


def sum_of_group(keys, key_groups, query_groups, block_size=None):
    """For each query, the sum and the number of the keys of its group.

    Args:
        keys: Float32 tensor of shape `(m, d)`.
        key_groups: Int tensor of shape `(m,)`, or sets of labels, 0 and 1 of
            shape `(m, labels)`: the group is then the keys that share a label.
        query_groups: Int tensor of shape `(n,)`, or `(n, labels)`.
        block_size: Int, keys per block, or `None` to choose it automatically.

    Returns:
        Float32 tensors of shape `(n, d)` and `(n,)`.
    """
    keys = ops.concatenate([keys, ops.ones_like(keys[:, :1])], axis=1)

    def membership(blocks, i, query_groups, key_groups):
        mine = belong_together(query_groups, blocks.of(key_groups, i))
        return ops.cast(mine, "float32")

    n = ops.shape(query_groups)[0]
    groups = query_groups, key_groups
    sums = weighted_sum(keys, n, membership, groups, block_size)
    return sums[:, :-1], sums[:, -1]


def sum_of_partners(keys, own_keys, key_ids, ids, block_size=None):
    """For each pair, the sum and the number of the keys of its partners.

    As `sum_of_group`, but a pair without labels is its own partner.

    Args:
        keys: Float32 tensor of shape `(m, d)`.
        own_keys: Float32 tensor of shape `(n, d)`, those of the pairs.
        key_ids: As `key_groups` of `sum_of_group`.
        ids: As `query_groups` of `sum_of_group`.
        block_size: Int, keys per block, or `None` to choose it automatically.
    """
    total, count = sum_of_group(keys, key_ids, ids, block_size)
    if len(ids.shape) == 1:
        return total, count
    is_alone = ops.cast(ops.logical_not(belong_to_themselves(ids)), "float32")
    return total + is_alone[:, None] * own_keys, count + is_alone
