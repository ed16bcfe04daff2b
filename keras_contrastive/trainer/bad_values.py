"""Finds and replaces, on the device, values that a model cannot learn from."""

import keras
from keras import ops

from keras_contrastive.data_validation import is_float
from keras_contrastive.layers.transformer.token_embedding import TokenEmbedding
from keras_contrastive.layers.transformer.token_embedding import (
    check_vocabulary,
)
from keras_contrastive.trainer.training_statistics import DARK_IMAGES
from keras_contrastive.trainer.training_statistics import IMAGES
from keras_contrastive.trainer.training_statistics import INPUTS

# How far a float image may exceed its range, as a fraction of the range.
# Bicubic resizing overshoots by less; images that were normalized by mean and
# standard deviation, or left in 0 to 255, exceed it by more.
_OVERSHOOT = 0.25


def input_findings(inputs, value_range):
    """Lists possible problems of inputs, for `TrainingStatistics.record`.

    Args:
        inputs: Any structure of tensors.
        value_range: Range of float images, the first of the tensors; `None`
            if the inputs are not images.

    Returns:
        List of tuples: a kind, which examples are bad, the lowest and highest
        value, and what is expected. Empty for uint8 images, which cannot be
        bad.
    """
    tensors = keras.tree.flatten(inputs)
    floats = [x for x in tensors if is_float(x)]
    findings = []
    if floats:
        bad = not_finite(floats)
        findings.append((INPUTS, bad, 0.0, 0.0, None))
    if value_range is None:
        return findings
    images = tensors[0]
    dtype = dtype_of(images)
    if dtype not in ("uint8", "uint16"):
        bad, *span = outside_range(images, value_range)
        findings.append((IMAGES, bad, *span, value_range))
    if dtype == "uint16" or is_float(images):
        highest = 65535 if dtype == "uint16" else value_range[1]
        bad, *span = all_dark(images, highest)
        findings.append((DARK_IMAGES, bad, *span, highest))
    return findings


def finite(inputs):
    """Replaces NaN and infinity by zeros, to protect the weights."""
    return keras.tree.map_structure(
        lambda x: ops.where(ops.isfinite(x), x, 0) if is_float(x) else x,
        inputs,
    )


def check_token_ids(texts, encoder):
    """Raises if an array of `texts` has ids that the encoder does not know."""
    tokens, size = tokens_of(texts), vocabulary_size_of(encoder)
    if tokens is not None and size is not None:
        check_vocabulary(tokens, size)


def tokens_of(texts):
    """The token ids in a text encoder's inputs, `None` if there are none."""
    if isinstance(texts, dict):
        texts = texts.get("token_ids")
    is_array = hasattr(texts, "shape") and hasattr(texts, "dtype")
    return texts if is_array and len(texts.shape) == 2 else None


def with_tokens(texts, tokens):
    """Replaces the token ids in `texts`, those of `tokens_of`, by `tokens`."""
    if isinstance(texts, dict):
        return {**texts, "token_ids": tokens}
    return tokens


def vocabulary_size_of(encoder):
    """The number of token ids an encoder knows, `None` if it does not say."""
    sizes = set(_vocabulary_sizes(encoder))
    return sizes.pop() if len(sizes) == 1 else None


def _vocabulary_sizes(layer):
    size = getattr(layer, "vocabulary_size", None)
    if isinstance(size, int):
        yield size
        return
    if isinstance(layer, TokenEmbedding):
        yield layer.input_dim
    layers = getattr(layer, "layers", [])
    if isinstance(layer, keras.Sequential) and layers:
        if isinstance(layers[0], keras.layers.Embedding):
            yield layers[0].input_dim
    for inner in layers:
        yield from _vocabulary_sizes(inner)


# The functions below return a bool tensor of shape `(batch,)` that marks the
# bad examples of the batch. If the values have a range, the functions also
# return the lowest and the highest value of the batch, as float32 scalars.


def not_finite(tensors):
    """Marks examples with NaN or infinity in any of several float tensors."""
    finite = True
    for x in tensors:
        axes = tuple(range(1, len(x.shape)))
        finite = ops.logical_and(finite, ops.all(ops.isfinite(x), axis=axes))
    return ops.logical_not(finite)


def outside_range(images, value_range):
    """Marks images outside [0, 255] (integers) or `value_range` (floats)."""
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
    """Whether the batch uses less than 1/255 of its range, but not zero.

    Such images most likely have another range: 8-bit integers in a 16-bit
    array, or floats in [0, 1] where [0, 255] is expected.

    Returns:
        As the other functions, but the bool tensor has the shape `(1,)`: a few
        dark images are normal.
    """
    maximum = ops.cast(ops.max(images), "float32")
    dark = ops.logical_and(maximum > 0, maximum <= highest / 255)
    return (
        ops.reshape(dark, (1,)),
        ops.cast(ops.min(images), "float32"),
        maximum,
    )


def not_ids(ids, count):
    """Marks, in the shape of `ids`, those not integers in [0, `count`)."""
    good = ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, count))
    low, high = ids, ids
    if keras.backend.is_float_dtype(dtype_of(ids)):
        good = ops.logical_and(good, ops.equal(ids, ops.floor(ids)))
        # The reported range covers the finite values only.
        low = high = ops.where(ops.isfinite(ids), ids, 0)
    # As floats, since TensorFlow has no GPU kernel for the minimum of integers.
    low = ops.min(ops.cast(low, "float32"))
    high = ops.max(ops.cast(high, "float32"))
    return ops.logical_not(good), low, high


def without_end(tokens, end_id):
    """Marks texts, rows of `tokens`, that lack the end token."""
    return ops.logical_not(ops.any(ops.equal(tokens, end_id), axis=1))


def dtype_of(tensor):
    """Name of the dtype of any backend's tensor."""
    return keras.backend.standardize_dtype(tensor.dtype)
