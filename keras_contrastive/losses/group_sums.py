"""Sums over groups of keys whose members may be anywhere in the batch."""

from keras import ops

from keras_contrastive.losses.accumulate import add_product
from keras_contrastive.losses.groups import belong_together
from keras_contrastive.losses.key_blocks import KeyBlocks
from keras_contrastive.losses.key_blocks import once_differentiable
from keras_contrastive.losses.key_blocks import upstream_of
from keras_contrastive.matmul import matmul


def sum_of_group(keys, key_groups, query_groups, block_size=None):
    """For each query, the sum of the keys of its group, and their number.

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
    n, m = ops.shape(query_groups)[0], ops.shape(keys)[0]
    blocks = KeyBlocks(n, m, block_size)

    def membership(i):
        groups = blocks.of(key_groups, i)
        mine = belong_together(query_groups, groups)
        return blocks.hide(i, ops.cast(mine, "float32"), 0.0)

    @ops.custom_gradient
    def run(keys):
        def visit(i, total):
            return add_product(total, membership(i), blocks.of(keys, i))

        def gradient(*arguments, upstream=None):
            upstream = upstream_of(arguments, upstream)

            def visit(i, by_keys):
                own = matmul(ops.transpose(membership(i)), upstream)
                return blocks.add(by_keys, i, own)

            by_keys = blocks.fold(visit, ops.zeros_like(keys))
            return once_differentiable(by_keys)

        start = ops.zeros((n, keys.shape[1]), dtype="float32")
        return blocks.fold(visit, start), gradient

    sums = run(keys)
    return sums[:, :-1], sums[:, -1]
