import keras
import pytest

# JAX compiles an initializer for every shape of weights, and an operation of an
# eager call for every shape of inputs, at up to a second each.
slow_on_jax = pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="slow to compile there, and the same everywhere",
)
