"""Checks of what goes into and comes out of an encoder."""

import keras
import numpy as np

from keras_contrastive.validation import concrete


def known_shape(layer, name):
    """A layer's `input_shape` or `output_shape`, None before it has one."""
    try:
        shape = getattr(layer, name)
    except AttributeError:
        return None
    return shape if isinstance(shape, tuple) else None


def check_representation(shape, name="encoder"):
    """Raises unless an encoder's output `shape` is `(batch, dim)`."""
    if len(shape) != 2:
        raise ValueError(
            f"`{name}` must give one vector per example, shape (batch, dim). "
            f"Received: an encoder with output shape {tuple(shape)}; pool it, "
            "for instance with keras_contrastive.models.pooled(encoder) or, "
            'in keras.applications, `pooling="avg"`.'
        )


def is_pair(x):
    """Whether `x`, tensors or shapes, is two of them, not one."""
    return (
        isinstance(x, (list, tuple))
        and len(x) == 2
        and not isinstance(x[0], (int, type(None)))
    )


def value_range_of(augmenter):
    """Range of float images that an augmenter states, or None."""
    for layer in (augmenter, *getattr(augmenter, "layers", [])):
        if hasattr(layer, "value_range"):
            return tuple(layer.value_range)
    return None


def check_images(images):
    """Raises unless `images` is a batch of RGB images of a usable dtype."""
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[-1] not in (3, None):
        raise ValueError(
            "The images must be RGB, of shape (batch, height, width, 3). "
            f"Received: shape={shape}"
        )
    if not (is_float(images) or keras.backend.is_int_dtype(_dtype(images))):
        raise ValueError(
            "The images must be uint8 in [0, 255] or floats. "
            f"Received: dtype={_dtype(images)}"
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
        return  # in a graph for labels of (batch,) and of (batch, 1)
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
        labels: The labels. What is no array is left to the steps.
        num_classes: Int, or `None` where it is not known yet.
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
    """The values of what is an array or tensor, `None` of other data."""
    is_array = hasattr(data, "shape") and hasattr(data, "dtype")
    return concrete(data) if is_array else None


def is_float(images):
    """Whether a tensor of any backend holds floats."""
    return keras.backend.is_float_dtype(_dtype(images))


def _dtype(images):
    return keras.backend.standardize_dtype(images.dtype)
