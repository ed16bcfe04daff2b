import keras
import numpy as np


def concrete(tensor):
    """A tensor's values as a NumPy array, or `None` where it has none yet.

    It has none while a model is built or a step is compiled.
    """
    if isinstance(tensor, keras.KerasTensor):
        return None
    try:
        return np.asarray(keras.ops.convert_to_numpy(tensor))
    # Of TensorFlow's symbolic tensors, JAX's tracers, and PyTorch's tensors on
    # the meta device.
    except (NotImplementedError, TypeError, RuntimeError):
        return None
