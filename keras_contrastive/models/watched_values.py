"""Finds and replaces bad values in what the steps of a model get."""

import keras
from keras import ops

from keras_contrastive.metrics import bad_values
from keras_contrastive.metrics import batch_health
from keras_contrastive.models.checks import is_float
from keras_contrastive.models.encoders.token_embedding import TokenEmbedding
from keras_contrastive.models.encoders.token_embedding import check_vocabulary


def input_findings(inputs, value_range):
    """What may be wrong with inputs, for `BatchHealth.record`.

    Args:
        inputs: Any structure of tensors.
        value_range: Range of float images, the first of the tensors; `None`
            where they are no images.

    Returns:
        List of tuples: a kind, which examples are bad, the lowest and highest
        value, and what is expected. Nothing for uint8 images, which cannot be
        bad.
    """
    tensors = keras.tree.flatten(inputs)
    floats = [x for x in tensors if is_float(x)]
    findings = []
    if floats:
        bad = bad_values.not_finite(floats)
        findings.append((batch_health.INPUTS, bad, 0.0, 0.0, None))
    if value_range is None:
        return findings
    images = tensors[0]
    dtype = bad_values.dtype_of(images)
    if dtype not in ("uint8", "uint16"):
        bad, *span = bad_values.outside_range(images, value_range)
        findings.append((batch_health.IMAGES, bad, *span, value_range))
    if dtype == "uint16" or is_float(images):
        highest = 65535 if dtype == "uint16" else value_range[1]
        bad, *span = bad_values.all_dark(images, highest)
        findings.append((batch_health.DARK_IMAGES, bad, *span, highest))
    return findings


def finite(inputs):
    """The inputs with zeros for NaN and infinity, to protect the weights."""
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
    """The token ids among what a text encoder takes, `None` without any."""
    if isinstance(texts, dict):
        texts = texts.get("token_ids")
    is_array = hasattr(texts, "shape") and hasattr(texts, "dtype")
    return texts if is_array and len(texts.shape) == 2 else None


def with_tokens(texts, tokens):
    """`texts` with `tokens` in the place of those of `tokens_of`."""
    if isinstance(texts, dict):
        return {**texts, "token_ids": tokens}
    return tokens


def vocabulary_size_of(encoder):
    """How many token ids an encoder knows, `None` where it does not say."""
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
