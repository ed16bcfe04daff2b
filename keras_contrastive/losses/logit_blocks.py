"""Sums over a matrix of logits that is never stored as a whole.

The logits of 65,536 pairs take 17 GB. This module computes them one block of
keys at a time: once in the forward pass to sum each row, and again in the
backward pass for the gradient. Memory is then `O((n + m) d + n block)` for `n`
queries and `m` keys of width `d`. The recomputation is a quarter of the
multiplications. Blocks that stay in the processor's cache compensate for it.
"""

from typing import Any

from keras import ops

from keras_contrastive.fused import fused
from keras_contrastive.losses.accumulate import add_product
from keras_contrastive.losses.custom_gradient import with_custom_gradient
from keras_contrastive.losses.groups import belong_together
from keras_contrastive.losses.key_blocks import KeyBlocks
from keras_contrastive.matmul import matmul

# Finite, so that a hidden logit has weight exp(-1e30) = 0 and gradient 0
# where -inf would make 0 * inf = NaN.
HIDDEN = -1e30


def logsumexp_blocks(
    queries: Any,
    keys: Any,
    logit_scale: Any,
    block_size: int | None = None,
    excluded: Any = None,
    groups: Any = None,
    of_columns: bool = False,
) -> Any:
    """Log-sum-exp of each row of the logits.

    `out_i = log sum_j exp(s q_i . k_j)`

    Args:
        queries: Float32 tensor of shape `(n, d)`.
        keys: Float32 tensor of shape `(m, d)`.
        logit_scale: Scalar `s`.
        block_size: Int, keys per block, or `None` to choose it automatically.
        excluded: Optional int tensor of shape `(n,)`: index of a key that is
            left out of the query's sum; or `(n, e)` for `e` such keys.
        groups: Optional pair of int tensors of shape `(n,)` and `(m,)`: the sum
            is then over the keys of the query's own group. Or a pair of float
            tensors of 0 and 1, `(n, labels)` and `(m, labels)`: the sum is then
            over the keys that share a label with the query.
        of_columns: Whether to append the log-sum-exp of each column, `log sum_i
            exp(s q_i . k_j)`, from the same blocks of logits.

    Returns:
        Float32 tensor of shape `(n,)`, or `(n + m,)` with the columns. Empty
        sums are below -1e29.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    q, k = np.random.normal(size=(2, 4, 8)).astype("float32")
    print(kc.losses.logsumexp_blocks(q, k, logit_scale=1.0))
    ```
    """
    return _sum_rows(
        _LogSumExp(of_columns),
        queries,
        keys,
        logit_scale,
        0.0,
        block_size,
        excluded,
        groups,
    )


def is_empty_sum(values):
    """Whether values of `logsumexp_blocks` belong to empty sums."""
    return values < HIDDEN / 10


def softplus_blocks(queries, keys, logit_scale, logit_bias, block_size=None):
    """Sums over each row of `log(1 + exp(s q_i . k_j + b))`.

    Args:
        queries: Float32 tensor of shape `(n, d)`.
        keys: Float32 tensor of shape `(m, d)`.
        logit_scale: Scalar `s`.
        logit_bias: Scalar `b`.
        block_size: Int, keys per block, or `None` to choose it automatically.

    Returns:
        Float32 tensor of shape `(n,)`.
    """
    return _sum_rows(
        _Softplus(), queries, keys, logit_scale, logit_bias, block_size
    )


def _sum_rows(
    sums,
    queries,
    keys,
    logit_scale,
    logit_bias,
    block_size,
    excluded=None,
    groups=None,
):
    """Applies `sums` to the rows of the logits, with a custom gradient."""
    n, m = ops.shape(queries)[0], ops.shape(keys)[0]
    blocks = KeyBlocks(n, m, block_size)
    columns = _columns(excluded)
    constants = (*columns, *(groups or ()))

    def logits_of(i, queries, keys, scale, bias, *constants):
        excluded, groups = constants[: len(columns)], constants[len(columns) :]
        # Keras would convert the number to `floatx`: -inf in float16.
        hidden = ops.convert_to_tensor(HIDDEN, dtype="float32")
        logits = matmul(queries, ops.transpose(blocks.of(keys, i)))
        logits = blocks.hide(i, logits * scale + bias, hidden)
        for column in excluded:
            is_out = blocks.key_index(i) == column[:, None]
            logits = ops.where(is_out, hidden, logits)
        if groups:
            is_in = belong_together(groups[0], blocks.of(groups[1], i))
            logits = ops.where(is_in, logits, hidden)
        return logits

    def run(*tensors):
        queries, keys, scale, bias, *_ = tensors

        def visit(i, state):
            logits = logits_of(i, *tensors)
            return sums.add(state, logits, blocks.start(i))

        values = fused(
            lambda: sums.finish(blocks.fold(visit, sums.start(n, m)))
        )()

        def gradient(upstream):
            def visit(i, state):
                by_queries, by_keys, by_bias = state
                logits = logits_of(i, *tensors)
                slopes = sums.slopes(logits, blocks.start(i), values, upstream)
                by_queries = add_product(by_queries, slopes, blocks.of(keys, i))
                own = matmul(ops.transpose(slopes), queries)
                by_keys = blocks.add(by_keys, i, own)
                return by_queries, by_keys, by_bias + ops.sum(slopes)

            def sums_of_blocks():
                inputs = queries, keys, bias
                return blocks.fold(visit, tuple(map(ops.zeros_like, inputs)))

            by_queries, by_keys, by_bias = fused(sums_of_blocks)()
            by_scale = ops.sum(by_queries * queries)
            return by_queries * scale, by_keys * scale, by_scale, by_bias

        return values, gradient

    # TensorFlow can differentiate by a tensor here, but not by a variable.
    scale, bias = (
        1.0 * ops.convert_to_tensor(x, dtype="float32")
        for x in (logit_scale, logit_bias)
    )
    return with_custom_gradient(run, (queries, keys, scale, bias), constants)


def _columns(excluded):
    """The columns of `excluded`, a list of tensors of shape `(n,)`."""
    if excluded is None:
        return []
    if len(excluded.shape) == 1:
        return [excluded]
    return [excluded[:, i] for i in range(excluded.shape[1])]


class _LogSumExp:
    """`log sum exp` of the rows, and optionally of the columns."""

    def __init__(self, of_columns):
        self.of_columns = of_columns

    def start(self, n, m):
        # Not `ops.full`, since it makes PyTorch wait for the device.
        total = ops.zeros((n,), dtype="float32")
        hidden = ops.convert_to_tensor(HIDDEN, dtype="float32")
        columns = ops.zeros((m if self.of_columns else 1,), dtype="float32")
        return total + hidden, total, columns

    def add(self, state, logits, start):
        top, total, columns = state
        new_top = ops.maximum(top, ops.max(logits, axis=1))
        weights = ops.exp(logits - new_top[:, None])
        total = total * ops.exp(top - new_top) + ops.sum(weights, axis=1)
        if self.of_columns:
            # All queries are in the block, so its columns are complete. Hidden
            # columns were computed in an earlier block.
            own = ops.logsumexp(logits, axis=0)
            before = ops.slice(columns, (start,), ops.shape(own))
            own = ops.where(own < HIDDEN / 2, before, own)
            columns = ops.slice_update(columns, (start,), own)
        return new_top, total, columns

    def finish(self, state):
        top, total, columns = state
        rows = top + ops.log(total)
        return ops.concatenate([rows, columns]) if self.of_columns else rows

    def slopes(self, logits, start, values, upstream):
        n, size = ops.shape(logits)
        rows = ops.exp(logits - values[:n, None]) * upstream[:n, None]
        if not self.of_columns:
            return rows
        values = ops.slice(values, (n + start,), (size,))
        upstream = ops.slice(upstream, (n + start,), (size,))
        return rows + ops.exp(logits - values) * upstream


class _Softplus:
    """`sum softplus` of the rows."""

    def start(self, n, m):
        return ops.zeros((n,), dtype="float32")

    def add(self, state, logits, start):
        return state + ops.sum(ops.softplus(logits), axis=1)

    def finish(self, state):
        return state

    def slopes(self, logits, start, values, upstream):
        return ops.sigmoid(logits) * upstream[:, None]
