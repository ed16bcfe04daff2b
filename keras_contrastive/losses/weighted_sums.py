"""Sums of keys with weights that are computed block by block."""

from keras import ops

from keras_contrastive.fused import fused
from keras_contrastive.losses.accumulate import add_product
from keras_contrastive.losses.custom_gradient import with_custom_gradient
from keras_contrastive.losses.key_blocks import KeyBlocks
from keras_contrastive.losses.logit_blocks import logsumexp_blocks
from keras_contrastive.matmul import matmul


def weighted_sum(keys, n, weights, tensors, block_size=None):
    """`out_i = sum_j w_ij k_j`, without the matrix of the weights.

    Only the keys have a gradient.

    Args:
        keys: Float32 tensor of shape `(m, d)`.
        n: Number of rows of the result.
        weights: Function of `KeyBlocks`, the index of a block and the
            `tensors`, that returns the weights of the block's keys, a float32
            tensor of shape `(n, size)`.
        tensors: All tensors that the weights depend on.
        block_size: Int, keys per block, or `None` to choose it automatically.

    Returns:
        Float32 tensor of shape `(n, d)`.
    """
    blocks = KeyBlocks(n, ops.shape(keys)[0], block_size)

    def run(keys, *tensors):
        def weights_of(i):
            return blocks.hide(i, weights(blocks, i, *tensors), 0.0)

        def visit(i, total):
            return add_product(total, weights_of(i), blocks.of(keys, i))

        def gradient(upstream):
            def visit(i, by_keys):
                own = matmul(ops.transpose(weights_of(i)), upstream)
                return blocks.add(by_keys, i, own)

            def sums_of_blocks():
                return blocks.fold(visit, ops.zeros_like(keys))

            return (fused(sums_of_blocks)(),)

        def sums_of_rows():
            start = ops.zeros((n, keys.shape[1]), dtype="float32")
            return blocks.fold(visit, start)

        return fused(sums_of_rows)(), gradient

    return with_custom_gradient(run, (keys,), tensors)


def softmax_sum(keys, queries, query_keys, logit_scale, block_size=None):
    """The mean of the keys under a softmax of other similarities.

    `out_i = sum_j t_ij k_j` with
    `t_ij = exp(s q_i . r_j) / sum_j' exp(s q_i . r_j')`, and their entropies
    `-sum_j t_ij log t_ij`. Only the keys `k` have a gradient.

    Args:
        keys: Float32 tensor of shape `(m, d)`, the `k_j`.
        queries: Float32 tensor of shape `(n, e)`, the `q_i`.
        query_keys: Float32 tensor of shape `(m, e)`, the `r_j`.
        logit_scale: Scalar `s`.
        block_size: Int, keys per block, or `None` to choose it automatically.

    Returns:
        Float32 tensors of shapes `(n, d)` and `(n,)`.
    """
    queries, query_keys, scale = (
        ops.stop_gradient(ops.convert_to_tensor(x, dtype="float32"))
        for x in (queries, query_keys, logit_scale)
    )
    total = logsumexp_blocks(queries, query_keys, scale, block_size)

    def weights(blocks, i, queries, query_keys, scale, total):
        logits = matmul(queries, ops.transpose(blocks.of(query_keys, i)))
        return ops.exp(scale * logits - total[:, None])

    # One pass sums all columns. The entropy needs the mean of the query keys.
    # The sum of the weights is needed because the rounding of large logits
    # makes it differ from 1.
    width = keys.shape[1]
    columns = [keys, query_keys, ops.ones_like(keys[:, :1])]
    sums = weighted_sum(
        ops.concatenate(columns, axis=1),
        ops.shape(queries)[0],
        weights,
        (queries, query_keys, scale, total),
        block_size,
    )
    sums = sums / ops.stop_gradient(sums[:, -1:])
    mean = ops.stop_gradient(sums[:, width:-1])
    entropy = total - scale * ops.sum(queries * mean, axis=1)
    return sums[:, :width], entropy
