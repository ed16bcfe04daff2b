"""Finds values that a model cannot learn from, in batches on the device.

Each function returns which examples of the batch are bad, a bool tensor of
shape `(batch,)`. Where values have a range it also returns the lowest and the
highest value of the batch, as float32 scalars.
"""

import keras
from keras import ops

# How far outside its range a float image may reach, as a share of the range:
# bicubic resizing overshoots by less than this, images normalised by mean and
# standard deviation or left in 0 to 255 by more.
_OVERSHOOT = 0.25


def not_finite(tensors):
    """Examples with NaN or infinity in one of several float tensors."""
    finite = True
    for x in tensors:
        axes = tuple(range(1, len(x.shape)))
        finite = ops.logical_and(finite, ops.all(ops.isfinite(x), axis=axes))
    return ops.logical_not(finite)


def outside_range(images, value_range):
    """Images outside the range: [0, 255] for integers, `value_range` else."""
    low, high, margin = 0, 255, 0.0
    if keras.backend.is_float_dtype(dtype_of(images)):
        low, high = value_range
        margin = _OVERSHOOT * (high - low)
        images = ops.cast(images, "float32")
        images = ops.where(ops.isfinite(images), images, low)
    axes = tuple(range(1, len(images.shape)))
    minimum = ops.cast(ops.min(images, axis=axes), "float32")
    maximum = ops.cast(ops.max(images, axis=axes), "float32")
    bad = ops.logical_or(minimum < low - margin, maximum > high + margin)
    return bad, ops.min(minimum), ops.max(maximum)


def all_dark(images, highest):
    """Whether the batch uses less than 1/255 of its range, but not none.

    Such images were most likely meant to be of another range: integers of 8
    bits in an array of 16, or floats of [0, 1] where [0, 255] is expected.

    Returns:
        As the others, but of shape `(1,)`: a few images may well be dark.
    """
    maximum = ops.cast(ops.max(images), "float32")
    dark = ops.logical_and(maximum > 0, maximum <= highest / 255)
    return (
        ops.reshape(dark, (1,)),
        ops.cast(ops.min(images), "float32"),
        maximum,
    )


def not_ids(ids, count):
    """Which elements are no integers in [0, `count`), and the ids' range."""
    good = ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, count))
    low, high = ids, ids
    if keras.backend.is_float_dtype(dtype_of(ids)):
        good = ops.logical_and(good, ops.equal(ids, ops.floor(ids)))
        # Neither NaN nor infinity says how far the others reach.
        low = high = ops.where(ops.isfinite(ids), ids, 0)
    low = ops.cast(ops.min(low), "float32")
    high = ops.cast(ops.max(high), "float32")
    return ops.logical_not(good), low, high


def without_end(tokens, end_id):
    """Texts, rows of `tokens`, that lack the end token."""
    return ops.logical_not(ops.any(ops.equal(tokens, end_id), axis=1))


def dtype_of(tensor):
    """Name of the dtype of a tensor of any backend."""
    return keras.backend.standardize_dtype(tensor.dtype)
