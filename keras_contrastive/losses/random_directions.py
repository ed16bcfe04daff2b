"""Random directions that depend only on the number of the step.

A loss has no variables that Keras would save, and its draws must be equal on
all devices. Therefore the random bits are a hash of their position and the
step. They are the same on every device and backend, and in a resumed run. On
PyTorch, a seed for a generator would have to be read from the device.
"""

import math

from keras import ops

from keras_contrastive.int32_hash import mix
from keras_contrastive.int32_hash import shift_right


def random_directions(dim, count, step):
    """Draws directions uniformly from the unit sphere.

    Args:
        dim: Int, the dimension.
        count: Int, the number of directions.
        step: Int or int tensor: each step has different directions.

    Returns:
        Float32 tensor of shape `(dim, count)`, whose columns have norm 1.
    """
    key = mix(ops, ops.cast(step, "int32"))
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
    bits = mix(ops, ops.bitwise_xor(mix(ops, position), key))
    return (ops.cast(shift_right(ops, bits, 8), "float32") + 0.5) / 2**24
