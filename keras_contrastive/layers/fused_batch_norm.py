"""The backends' own batch normalization, including moments, in one kernel.

Keras computes the moments first and normalizes afterwards, which took four
times as long on a CPU (`benchmarks/training_step.py` shows its effect on a
step).
"""

import keras


def is_fusible(inputs, axis):
    """Whether `fused_batch_norm` supports these inputs."""
    is_last = axis in (-1, len(inputs.shape) - 1)
    has_kernel = keras.backend.backend() in ("tensorflow", "torch")
    # TensorFlow's kernel does not support float64.
    is_small = keras.backend.standardize_dtype(inputs.dtype) != "float64"
    return has_kernel and is_small and is_last and len(inputs.shape) == 4


def fused_batch_norm(inputs, gamma, beta, epsilon):
    """Normalizes images by the moments of the batch.

    Args:
        inputs: Tensor of shape `(batch, height, width, channels)`.
        gamma: Float tensor of shape `(channels,)`.
        beta: Float tensor of shape `(channels,)`.
        epsilon: Float.

    Returns:
        Tensor like `inputs`, and the mean and the variance of the batch, of
        shape `(channels,)`. The variance divides by the number of values.
    """
    if keras.backend.backend() == "tensorflow":
        return _tensorflow(inputs, gamma, beta, epsilon)
    return _torch(inputs, gamma, beta, epsilon)


def interpolate(before, now, share):
    """`before + share * (now - before)`, in one kernel if there is one."""
    if keras.backend.backend() == "torch":
        return before.lerp(now, share)
    return before + share * (now - before)


def _tensorflow(inputs, gamma, beta, epsilon):
    import tensorflow as tf

    # TensorFlow takes these only as float32, for inputs of any dtype.
    gamma, beta = tf.cast(gamma, "float32"), tf.cast(beta, "float32")
    # TensorFlow divides by one less than the number of values.
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs, gamma, beta, epsilon=epsilon, is_training=True
    )
    return outputs, mean, variance * (count - 1) / count


def _torch(inputs, gamma, beta, epsilon):
    import torch

    outputs, mean, inverse = torch.native_batch_norm(
        inputs.permute(0, 3, 1, 2),
        gamma,
        beta,
        None,
        None,
        training=True,
        momentum=0.0,
        eps=epsilon,
    )
    return outputs.permute(0, 2, 3, 1), mean, inverse**-2 - epsilon
