"""Noise that is a function of a small key instead of a stored tensor."""

import math

import numpy as np

from keras_contrastive.int32_hash import mix
from keras_contrastive.int32_hash import shift_right

# Float32 draws in [0, 1) have at least 23 random bits.
KEY_SCALE = 2.0**23


def as_key(backend, draws):
    """Uniform draws in [0, 1) as int32 keys of `normal_noise`.

    Args:
        backend: The Keras backend module that owns the tensors.
        draws: Float tensor of shape `(batch, 2)`.

    Returns:
        Int32 tensor of shape `(batch, 2)`.
    """
    return backend.cast(backend.numpy.floor(draws * KEY_SCALE), "int32")


def normal_noise(backend, key, shape):
    """Draws of mean 0 and standard deviation 1, a function of the keys.

    The value `i` of an example with the key `(a, b)` is

    `sqrt(2) erfinv(2 (h + 1/2) / 2^23 - 1)`

    where `h` are the first 23 bits of `mix((C i + a) xor mix(b))`, `mix` is a
    hash of 32-bit integers, and `C` is odd. It is the same on all backends up
    to rounding, for an example alone or in any batch. A step in microbatches,
    which draws first for the whole batch, stores the keys instead of the noise.

    Args:
        backend: The Keras backend module that owns the tensors.
        key: Int32 tensor of shape `(batch, 2)`.
        shape: The shape of an example, of ints or int tensors.

    Returns:
        Float32 tensor of shape `(batch, *shape)`, in [-5.3, 5.3].
    """
    ops = backend.numpy
    index = ops.arange(math.prod(shape), dtype="int32")
    key = backend.cast(key, "int32")
    start, scramble = key[:, :1], mix(ops, key[:, 1:])
    bits = mix(ops, ops.bitwise_xor(_STRIDE * index[None] + start, scramble))
    # An odd integer between -2^23 and 2^23, which a float32 holds exactly: the
    # argument of `erfinv` is never -1 or 1.
    odd = 2 * shift_right(ops, bits, 9) - np.int32(2**23 - 1)
    uniform = backend.cast(odd, "float32") / 2.0**23
    noise = math.sqrt(2) * backend.math.erfinv(uniform)
    return ops.reshape(noise, (-1, *shape))


# 0x9E3779B9, as the int32 that JAX and PyTorch compute with.
_STRIDE = np.int32(0x9E3779B9 - 2**32)
