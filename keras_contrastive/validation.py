"""Checks of arguments and data that several folders of the package share."""

import operator
from typing import Any

import keras
import numpy as np


def check_positive_int(name: str, value: Any) -> int:
    """`value` as an int of at least 1.

    NumPy's integers are integers; `True`, strings and floats, `2.0` among
    them, are not.

    Raises:
        ValueError: If it is anything else.
    """
    try:
        integer = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        integer = 0
    if integer < 1:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )
    return integer


def is_text(value: Any) -> bool:
    """Whether a value is a string, or an array of strings or objects."""
    if isinstance(value, (str, bytes)):
        return True
    dtype = getattr(value, "dtype", None)
    kind, name = getattr(dtype, "kind", ""), getattr(dtype, "name", "")
    return (kind and kind in "USTO") or name == "string"


def check_ids(name: str, ids: Any) -> None:
    """Raises for ids of examples that a backend would change.

    Args:
        name: What to call them.
        ids: Array, list or tensor. Of tensors, which may be symbolic, only
            dtype and rank are looked at.

    Raises:
        ValueError: If they are not integers, not of rank 1, or too large for
            the backend's integers: JAX without `jax_enable_x64` keeps 32 bits.
    """
    if not hasattr(ids, "dtype"):
        ids = np.asarray(ids)
    dtype = str(getattr(ids.dtype, "name", ids.dtype)).removeprefix("torch.")
    anew = f"number them anew by np.unique({name}, return_inverse=True)[1]"
    if not dtype.startswith(("int", "uint")):
        raise ValueError(
            f"`{name}` must be integers. Floats would be rounded, and "
            f"different ids become the same: cast those that are whole, or "
            f"{anew}. Received: {name} of dtype {dtype}"
        )
    if len(ids.shape) != 1:
        raise ValueError(
            f"`{name}` must hold one value per example, shape (batch,). "
            f"Received: {name}.shape={tuple(ids.shape)}"
        )
    # In a tensor of the backend they have become what they are.
    if dtype in ("int64", "uint32", "uint64") and _is_host_array(ids):
        ids, bits = np.asarray(ids), _integer_bits()
        lowest, highest = int(ids.min(initial=0)), int(ids.max(initial=0))
        if not -(2 ** (bits - 1)) <= lowest <= highest < 2 ** (bits - 1):
            raise ValueError(
                f"`{name}` must fit into {bits} bits, or different ids become "
                f"the same: {anew}. Received: {name} from {lowest} to {highest}"
            )


def _is_host_array(ids):
    """Whether it is an array of NumPy, or of PyTorch where that is a loader."""
    is_torch = type(ids).__module__ == "torch" and hasattr(ids, "numpy")
    return isinstance(ids, np.ndarray) or (
        is_torch and keras.backend.backend() != "torch"
    )


def _integer_bits():
    """Bits of the integers that tensors of the backend can hold."""
    if keras.backend.backend() != "jax":
        return 64
    import jax

    return 64 if jax.config.jax_enable_x64 else 32


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
    # Of a single number that TensorFlow's replicas share.
    except ValueError:
        return np.asarray(tensor.numpy())
