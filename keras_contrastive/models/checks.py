"""Static checks of what goes into and comes out of an encoder."""

import keras


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


def is_float(images):
    """Whether a tensor of any backend holds floats."""
    return keras.backend.is_float_dtype(_dtype(images))


def _dtype(images):
    return keras.backend.standardize_dtype(images.dtype)
