"""Checks of arrays and tensors, and of what layers say of them."""

from typing import Any

import keras
import numpy as np


def is_text(value: Any) -> bool:
    """Whether a value is a string, or an array of strings or objects."""
    if isinstance(value, (str, bytes)):
        return True
    dtype = getattr(value, "dtype", None)
    kind, name = getattr(dtype, "kind", ""), getattr(dtype, "name", "")
    return (kind and kind in "USTO") or name == "string"


def holds_strings(value: Any) -> bool:
    """Whether a value is a string, or an array or a list of them."""
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and isinstance(value[0], (str, bytes))
    return is_text(value)


def check_ids(name: str, ids: Any) -> None:
    """Raises for ids of examples that a backend would change.

    Args:
        name: Name of the ids in errors.
        ids: Array, list or tensor: one id for each example, or a set of labels
            for each, rows of 0 and 1. For tensors, which may be symbolic, only
            dtype and rank are checked.

    Raises:
        ValueError: If they are not integers, not of rank 1 or 2, sets with
            other numbers than 0 and 1, or ids too large for the backend's
            integers: JAX without `jax_enable_x64` keeps 32 bits.
    """
    if not hasattr(ids, "dtype"):
        ids = np.asarray(ids)
    dtype = str(getattr(ids.dtype, "name", ids.dtype)).removeprefix("torch.")
    if len(ids.shape) == 2:
        _check_sets(name, ids, dtype)
        return
    anew = f"number them anew by np.unique({name}, return_inverse=True)[1]"
    if not dtype.startswith(("int", "uint")):
        raise ValueError(
            f"`{name}` must be integers. Floats would be rounded, and "
            f"different ids become the same: cast those that are whole, or "
            f"{anew}. Received: {name} of dtype {dtype}"
        )
    if len(ids.shape) != 1:
        raise ValueError(
            f"`{name}` must hold one value per example, shape (batch,), or a "
            "row of 0 and 1, shape (batch, labels). "
            f"Received: {name}.shape={tuple(ids.shape)}"
        )
    # In a tensor of the backend, any change has already happened.
    if dtype in ("int64", "uint32", "uint64") and _is_host_array(ids):
        ids, bits = np.asarray(ids), _integer_bits()
        lowest, highest = int(ids.min(initial=0)), int(ids.max(initial=0))
        if not -(2 ** (bits - 1)) <= lowest <= highest < 2 ** (bits - 1):
            raise ValueError(
                f"`{name}` must fit into {bits} bits, or different ids become "
                f"the same: {anew}. Received: {name} from {lowest} to {highest}"
            )


def _check_sets(name, sets, dtype):
    """Raises unless `sets` are rows of 0 and 1."""
    is_allowed = dtype.startswith(("int", "uint", "bool", "float", "bfloat"))
    found = f"of dtype {dtype}"
    if is_allowed and _is_host_array(sets):
        values = np.unique(np.asarray(sets))
        is_allowed = bool(np.isin(values, (0, 1)).all())
        found = f"with the values {values[:6]}"
    if not is_allowed or sets.shape[1] == 1:
        raise ValueError(
            f"`{name}` of shape (batch, labels) must be sets of two labels or "
            "more, rows of 0 and 1; ids have the shape (batch,). Received: "
            f"{name}.shape={tuple(sets.shape)}, {found}"
        )


def _is_host_array(ids):
    """Whether it is a NumPy array, or a PyTorch tensor used only as data."""
    is_torch = type(ids).__module__ == "torch" and hasattr(ids, "numpy")
    return isinstance(ids, np.ndarray) or (
        is_torch and keras.backend.backend() != "torch"
    )


def _integer_bits():
    """Number of bits of the integers in the backend's tensors."""
    if keras.backend.backend() != "jax":
        return 64
    import jax

    return 64 if jax.config.jax_enable_x64 else 32


def concrete(tensor):
    """A tensor's values as a NumPy array, or `None` if it has none yet.

    It has none while a model is built or a step is compiled.
    """
    if isinstance(tensor, keras.KerasTensor):
        return None
    try:
        return np.asarray(keras.ops.convert_to_numpy(tensor))
    # Raised for TensorFlow's symbolic tensors, JAX's tracers, and PyTorch's
    # tensors on the meta device.
    except (NotImplementedError, TypeError, RuntimeError):
        return None
    # Raised for a single number that TensorFlow's replicas share.
    except ValueError:
        return np.asarray(tensor.numpy())


def known_shape(layer, name):
    """A layer's `input_shape` or `output_shape`, None before it has one."""
    try:
        shape = getattr(layer, name)
    except AttributeError:
        return None
    return shape if isinstance(shape, tuple) else None


def representation_shape(encoder, name="encoder"):
    """An encoder's output shape `(batch, dim)`, None before it has one.

    Raises as `check_representation`.
    """
    shape = getattr(encoder, "output_shape", None)
    if shape is not None:
        check_representation(shape, name)
    return shape


def check_representation(outputs, name="encoder"):
    """Raises unless an encoder's outputs have the shape `(batch, dim)`.

    Args:
        outputs: Its outputs, or its `output_shape`.
        name: The name of the encoder, for the error.
    """
    shape = getattr(outputs, "shape", outputs)
    if isinstance(shape, dict) or (
        isinstance(shape, (list, tuple))
        and any(hasattr(x, "shape") or isinstance(x, tuple) for x in shape)
    ):
        raise ValueError(
            f"`{name}` must give one vector per example, shape (batch, dim). "
            f"Received: an encoder with a list or dict of {len(shape)}; make a "
            "model of one of them, such as "
            "keras.Model(encoder.inputs, encoder.outputs[0])."
        )
    if len(shape) != 2:
        raise ValueError(
            f"`{name}` must give one vector per example, shape (batch, dim). "
            f"Received: an encoder with output shape {tuple(shape)}; pool it, "
            "for instance with keras_contrastive.models.pooled(encoder) or, "
            'in keras.applications, `pooling="avg"`.'
        )


def is_pair(x):
    """Whether `x` is a pair of tensors or shapes, not a single one."""
    return is_several(x) and len(x) == 2


def is_several(x):
    """Whether `x` is two or more tensors or shapes, not a single one."""
    return (
        isinstance(x, (list, tuple))
        and len(x) >= 2
        and not isinstance(x[0], (int, type(None)))
    )


def value_range_of(augmenter):
    """Range of float images that an augmenter states, or None."""
    for layer in (augmenter, *getattr(augmenter, "layers", [])):
        if hasattr(layer, "value_range"):
            return tuple(layer.value_range)
    return None


def check_images(images, encoder):
    """Raises unless `images` is a batch of images of a usable dtype.

    Their channels may be changed before the encoder: see `check_channels`.
    """
    if not hasattr(images, "shape"):
        raise ValueError(
            "The images must be an array or a tensor of shape (batch, height, "
            f"width, channels). Received: a {type(images).__name__}"
        )
    if len(images.shape) != 4:
        raise _shape_error(images, _channels_of(encoder))
    if not (is_float(images) or keras.backend.is_int_dtype(_dtype(images))):
        raise ValueError(
            "The images must be uint8 in [0, 255] or floats. "
            f"Received: dtype={_dtype(images)}"
        )


def check_channels(images, encoder):
    """Raises if images have not as many channels as their encoder takes.

    Args:
        images: Tensor, after augmentation. Other inputs are not checked.
        encoder: The encoder, which may not know its input shape.
    """
    channels = _channels_of(encoder)
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) == 4 and channels and shape[-1] not in (channels, None):
        raise _shape_error(images, channels)


def _channels_of(encoder):
    """The channels of the images that an encoder takes, `None` if unknown."""
    shape = known_shape(encoder, "input_shape") or ()
    return shape[-1] if len(shape) == 4 else None


def _shape_error(images, channels):
    return ValueError(
        f"The images must be {'RGB, ' * (channels == 3)}of shape (batch, "
        f"height, width, {channels or 'channels'}), as the encoder takes. "
        f"Received: shape={tuple(images.shape)}"
    )


def check_weights_of_examples(sample_weight):
    """Raises for weights in an array that are negative or not finite."""
    weights = _array(sample_weight)
    if weights is None or weights.dtype.kind not in "fiu":
        return
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            "`sample_weight` must be finite and not negative. Received: "
            f"sample_weight that spans [{weights.min()}, {weights.max()}]"
        )


def check_label_form(labels):
    """Raises unless `labels` may be class indices, one for each example."""
    if getattr(labels.shape, "rank", 0) is None:
        return  # in a graph for labels of shape (batch,) and (batch, 1)
    shape = tuple(labels.shape)
    dtype = str(getattr(labels.dtype, "name", labels.dtype)).split(".")[-1]
    if len(shape) == 2 and shape[1] != 1:
        raise ValueError(
            "`y`, the labels of the probe, must be integers of shape (batch,). "
            f"Received: labels of shape {shape}. One-hot labels become "
            "integers by np.argmax(labels, axis=-1)."
        )
    if len(shape) not in (1, 2) or not dtype.startswith(
        ("int", "uint", "float", "bfloat", "bool")
    ):
        raise ValueError(
            "`y`, the labels of the probe, must be integers of shape (batch,). "
            f"Received: labels of shape {shape} and dtype {dtype}. Strings "
            "become integers by np.unique(labels, return_inverse=True)[1]."
        )


def check_labels(labels, num_classes):
    """Raises unless an array of labels holds integers in [0, num_classes).

    Args:
        labels: The labels. The steps check anything that is not an array.
        num_classes: Int, or `None` if it is not known yet.
    """
    labels = _array(labels)
    if labels is None:
        return
    check_label_form(labels)
    if num_classes is None or not labels.size:
        return
    bad = ~((labels >= 0) & (labels < num_classes) & (labels == labels // 1))
    if bad.any():
        raise ValueError(
            f"`y`, the labels of the probe, must be integers in "
            f"[0, {num_classes}). Received: {np.unique(labels[bad])[:5]} in "
            f"{bad.sum()} of {len(labels)} labels, the first of them number "
            f"{int(bad.argmax())}, counted from 0."
        )


def _array(data):
    """The values of an array or tensor, or `None` for other data."""
    is_array = hasattr(data, "shape") and hasattr(data, "dtype")
    return concrete(data) if is_array else None


def is_float(images):
    """Whether a tensor of any backend holds floats."""
    return keras.backend.is_float_dtype(_dtype(images))


def _dtype(images):
    return keras.backend.standardize_dtype(images.dtype)
