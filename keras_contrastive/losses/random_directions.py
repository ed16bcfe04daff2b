"""Random directions that depend only on the number of the step.

A loss has no variables that Keras would save, and its draws must be equal on
all devices. Therefore the random bits are a hash of their position and the
step. They are the same on every device and backend, and in a resumed run. On
PyTorch, a seed for a generator would have to be read from the device.
"""

import math

from keras import ops


def random_directions(dim, count, step):
    """Draws directions uniformly from the unit sphere.

    Args:
        dim: Int, the dimension.
        count: Int, the number of directions.
        step: Int or int tensor: each step has different directions.

    Returns:
        Float32 tensor of shape `(dim, count)`, whose columns have norm 1.
    """
    key = _hash(ops.cast(step, "int32"))
    # Two uniform numbers for each normal one (Box and Muller).
    first, second = (
        _uniform(ops.arange(start, 2 * dim * count, 2, dtype="int32"), key)
        for start in (0, 1)
    )
    normal = ops.sqrt(-2.0 * ops.log(first)) * ops.cos(2 * math.pi * second)
    normal = ops.reshape(normal, (dim, count))
    return normal * ops.rsqrt(ops.sum(ops.square(normal), axis=0))


def _uniform(position, key):
    """Float32 numbers in (0, 1], one for each position."""
    bits = _hash(ops.bitwise_xor(_hash(position), key))
    return (ops.cast(_shifted(bits, 8), "float32") + 0.5) / 2**24


def _hash(x):
    """A permutation of the int32 numbers that mixes each bit into all bits.

    Its constants are those of `lowbias32` (Wellons, 2018).
    """
    x = ops.bitwise_xor(x, _shifted(x, 16))
    x = x * _int32(0x7FEB352D)
    x = ops.bitwise_xor(x, _shifted(x, 15))
    x = x * _int32(0x846CA68B)
    return ops.bitwise_xor(x, _shifted(x, 16))


def _shifted(x, bits):
    """Shifts to the right, and the sign bit like any other bit."""
    shifted = ops.right_shift(x, _int32(bits))
    return ops.bitwise_and(shifted, _int32(2 ** (32 - bits) - 1))


def _int32(bits):
    """Converts a number of 32 unsigned bits to int32."""
    return ops.convert_to_tensor(
        bits - 2**32 if bits >= 2**31 else bits, dtype="int32"
    )
