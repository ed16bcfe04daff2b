"""One kernel for a chain of operations."""

import keras


def fused(function):
    """`function`, compiled by XLA where the backend asks for that by name.

    Inside a `tf.function` TensorFlow runs one operation after the other, each
    of which reads and writes all of its tensors. JAX compiles a whole step
    anyway; PyTorch has no compiler that needs no other installed.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    if not tf.inside_function():
        return function  # would be compiled again in each call
    return tf.function(function, jit_compile=True, autograph=False)
