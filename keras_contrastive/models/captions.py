"""Batches that hold several captions of each image."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution


def num_captions(texts: Any) -> int | None:
    """How many captions of each image a batch of token ids holds.

    Args:
        texts: Token ids, a tensor or a dict of tensors, of shape
            `(batch, length)` or `(batch, captions, length)`.

    Returns:
        Int; `None` if there is one caption per image, without a captions axis,
        or if the texts are not token ids.
    """
    if isinstance(texts, dict):
        texts = texts.get("token_ids")
    if not hasattr(texts, "shape") or len(texts.shape) != 3:
        return None
    dtype = keras.backend.standardize_dtype(texts.dtype)
    return texts.shape[1] if keras.backend.is_int_dtype(dtype) else None


def over_captions(function: Callable, texts: Any) -> Any:
    """Applies a function of texts to all captions of a batch.

    Args:
        function: Function of texts whose first axis is the batch. It returns a
            tensor or a dict of tensors with this axis.
        texts: Its argument, or a batch of several captions of each image.

    Returns:
        The result of the function. For several captions, its first axes are
        `(batch, captions)`.
    """
    count = num_captions(texts)
    if count is None:
        return function(texts)
    return keras.tree.map_structure(
        lambda x: ops.reshape(x, (-1, count, *x.shape[1:])),
        function(keras.tree.map_structure(_joined, texts)),
    )


def shape_of_captions(shape: Any) -> Any:
    """The shape in which captions reach their encoder.

    Args:
        shape: Shape of token ids, or a dict of shapes. Rank 3 means several
            captions of each image.

    Returns:
        The shapes, without the axis of the captions.
    """
    return keras.tree.map_shape_structure(
        lambda s: (None, s[2]) if len(s) == 3 else s, shape
    )


def pairs_of_captions(
    images: Any, texts: Any, image_ids: Any, sample_weight: Any
) -> tuple:
    """Makes one pair of embeddings for each caption of a batch.

    Args:
        images: Embeddings, shape `(batch, dim)`.
        texts: Embeddings, shape `(batch, captions, dim)`.
        image_ids: Int tensor of shape `(batch,)`, or `None` if all images are
            different.
        sample_weight: Tensor of shape `(batch,)`, or `None`.

    Returns:
        The arguments with a first axis of `batch * captions`. The `image_ids`
        are never `None`: they tell which pairs share an image.

    Raises:
        ValueError: If `image_ids` are sets of labels.
    """
    count = texts.shape[1]
    if image_ids is not None and len(image_ids.shape) > 1:
        raise ValueError(
            "`image_ids` must be integers of shape (batch,) for several "
            "captions of each image: an image without labels would repel its "
            "own captions. Pass one caption of each image. Received: "
            f"image_ids.shape={tuple(image_ids.shape)}"
        )
    if image_ids is None:
        n = ops.shape(images)[0]
        own = n * distribution.replica_index()
        image_ids = ops.arange(n, dtype="int32") + own
    if sample_weight is not None:
        sample_weight = ops.repeat(ops.convert_to_tensor(sample_weight), count)
    return (
        ops.repeat(images, count, axis=0),
        _joined(texts),
        ops.repeat(ops.convert_to_tensor(image_ids), count),
        sample_weight,
    )


def _joined(x):
    """A tensor `(batch, captions, ...)` as `(batch * captions, ...)`."""
    return ops.reshape(x, (-1, *x.shape[2:]))
