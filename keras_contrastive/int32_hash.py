"""Random bits as a hash of int32 numbers, equal on every backend."""

import numpy as np


def mix(ops, x):
    """A permutation of the int32 numbers that mixes each bit into all bits.

    Its constants are those of `lowbias32` (C. Wellons, 2018, hash-prospector).

    Args:
        ops: `keras.ops`, or the `numpy` module of the Keras backend that owns
            the tensor.
        x: Int32 tensor.

    Returns:
        Int32 tensor of the same shape.
    """
    x = ops.bitwise_xor(x, shift_right(ops, x, 16)) * _FIRST
    x = ops.bitwise_xor(x, shift_right(ops, x, 15)) * _SECOND
    return ops.bitwise_xor(x, shift_right(ops, x, 16))


def shift_right(ops, x, count):
    """Shifts int32 to the right, filling with zeros instead of the sign."""
    x = ops.right_shift(x, np.int32(count))
    return ops.bitwise_and(x, np.int32(2 ** (32 - count) - 1))


# The bits of unsigned integers as the int32 that JAX and PyTorch compute with.
_FIRST, _SECOND = np.array([0x7FEB352D, 0x846CA68B], "uint32").view("int32")
