"""One kernel for a chain of operations."""

import sys


def fused(function):
    """`function`, compiled by XLA where TensorFlow would run it op by op.

    Inside a `tf.function`, and so inside `tf.data`, each operation reads and
    writes all of its tensors; XLA makes loops of several. JAX compiles a whole
    step anyway; PyTorch has no compiler that needs no other installed.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None or not tf.inside_function():
        return function  # eager calls would be compiled again each time
    return tf.function(function, jit_compile=True, autograph=False)
