"""Value and gradient of a scalar function of arrays, on any backend."""

import keras
import numpy as np


def value_and_gradients(function, *arrays):
    """Returns `function(*arrays)` and its gradient by each array, in numpy."""
    tensors = [keras.ops.convert_to_tensor(a) for a in arrays]
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        gradients = tape.gradient(value, tensors)
    elif backend == "jax":
        import jax

        argnums = tuple(range(len(tensors)))
        value, gradients = jax.value_and_grad(function, argnums)(*tensors)
    else:
        tensors = [t.clone().requires_grad_() for t in tensors]
        value = function(*tensors)
        value.backward()
        gradients = [t.grad for t in tensors]
    to_numpy = keras.ops.convert_to_numpy
    return np.asarray(to_numpy(value)), [to_numpy(g) for g in gradients]
