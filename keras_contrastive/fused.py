"""Compiles a chain of operations into one kernel."""

import sys


def fused(function):
    """`function`, compiled by XLA if TensorFlow would run it op by op.

    Inside a `tf.function`, and so inside `tf.data`, each operation reads and
    writes all of its tensors; XLA fuses several into loops. JAX compiles whole
    steps anyway; PyTorch's compiler requires another compiler to be installed.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None or not tf.inside_function():
        return function  # eager calls would be compiled again each time
    return tf.function(function, jit_compile=True, autograph=False)
