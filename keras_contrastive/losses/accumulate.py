"""Sums that grow block by block.

XLA updates them in place. PyTorch would allocate a new tensor for every block,
which takes as long as the multiplications, so this module uses its in-place
operations. The sums are created here and nothing else refers to them.
"""

import keras
from keras import ops

from keras_contrastive.matmul import full_precision
from keras_contrastive.matmul import matmul
from keras_contrastive.matmul import without_autocast


def add_product(total, a, b):
    """`total + a @ b`; `total` must not be used again."""
    if keras.backend.backend() == "torch":
        with full_precision(), without_autocast(a):
            return total.addmm_(a, b)
    return total + matmul(a, b)


def add_to_rows(total, start, values):
    """Adds `values` from row `start` on; `total` must not be used again."""
    if keras.backend.backend() == "torch":
        total[start : start + values.shape[0]] += values
        return total
    start = (start, *(0 for _ in values.shape[1:]))
    own = ops.slice(total, start, ops.shape(values))
    return ops.slice_update(total, start, own + values)
