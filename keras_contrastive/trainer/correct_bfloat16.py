"""Compiles bfloat16 models without an incorrect XLA fusion on CPUs.

Since JAX 0.11, XLA on CPUs hands chains of operations to its library YNNPACK
as one fusion. The fusion is wrong if two bfloat16 maxima or minima of such a
chain share a constant, as all ReLUs share their zero, and the chain ends with
a sum, mean or maximum over an axis. The second maximum or minimum then reads
uninitialized memory: the result is NaN, infinite or plausible and wrong.

    f = lambda x, y: jnp.mean(jax.nn.relu(x) + jax.nn.relu(y), 0)
    jax.jit(f)(x, y)  # bfloat16, 256 x 64

A forward pass that no gradient needs has this form: `predict`, `evaluate`, and
a frozen encoder in `fit`.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_contrastive.trainer.keras_internals import compute_dtypes
from keras_contrastive.trainer.keras_internals import jit_options

# An empty list of the operations that may start such a fusion. Without these
# fusions convolutional networks were as fast in float32, and a quarter slower
# in bfloat16.
OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}


@contextlib.contextmanager
def correct_bfloat16(model: Any) -> Iterator[None]:
    """A context in which Keras compiles a model's steps correctly.

    It affects only models that compute in bfloat16 on JAX on CPUs, where XLA
    has the bug. Other programs of the process keep the fusion.

    Args:
        model: The Keras model whose step functions are created in the context.
    """
    if (
        keras.backend.backend() == "jax"
        and "bfloat16" in compute_dtypes(model)
        and has_wrong_fusion()
    ):
        with jit_options(OPTIONS):
            yield
    else:
        yield


@functools.cache
def has_wrong_fusion() -> bool:
    """Whether XLA computes a sum of bfloat16 maxima incorrectly here."""
    import jax

    if jax.default_backend() != "cpu":
        return False
    # Small integers are exact. A limit of one also reveals uninitialized
    # memory that happens to hold zeros.
    numbers = np.arange(256 * 64).reshape(256, 64)
    x, y = numbers % 7 - 3.0, numbers % 5 - 2.0
    found = jax.jit(_sum_of_maxima)(
        jax.numpy.asarray(x, "bfloat16"), jax.numpy.asarray(y, "bfloat16")
    )
    expected = (np.maximum(x, 1) + np.maximum(y, 1)).sum(0)
    return not np.array_equal(np.asarray(found), expected)


def _sum_of_maxima(x, y):
    import jax.numpy as jnp

    maxima = jnp.maximum(x, 1) + jnp.maximum(y, 1)
    return jnp.sum(maxima.astype("float32"), 0)


# It has no base at run time, since it is mixed into models of different bases.
_Model: Any = object


class CorrectBfloat16(_Model):
    """A Keras model that compiles its own step functions correctly."""

    def make_train_function(self, force: bool = False) -> Any:
        with correct_bfloat16(self):
            return super().make_train_function(force)

    def make_test_function(self, force: bool = False) -> Any:
        with correct_bfloat16(self):
            return super().make_test_function(force)

    def make_predict_function(self, force: bool = False) -> Any:
        with correct_bfloat16(self):
            return super().make_predict_function(force)
