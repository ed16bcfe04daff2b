"""The similarity matrix for figures of images and texts."""

import numpy as np

from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import check_same_width
from keras_contrastive.evaluation.checks import normalize_rows


def cosine_similarity(image_embeddings, text_embeddings):
    """Similarity of each text to each image.

    Args:
        image_embeddings: array or tensor, shape `(n, d)`.
        text_embeddings: array or tensor, shape `(m, d)`.

    Returns:
        A float32 array `(m, n)`.
    """
    images = as_features(image_embeddings, "image_embeddings")
    texts = as_features(text_embeddings, "text_embeddings")
    check_same_width(images, texts, ("image_embeddings", "text_embeddings"))
    return normalize_rows(texts) @ normalize_rows(images).T


def check_one_for_each(name, things, length, embeddings_name):
    try:
        received = len(things)
    except TypeError:  # not a sequence
        received = repr(things)
    if received != length:
        raise ValueError(
            f"`{name}` must have one entry for each of the {length} rows of "
            f"`{embeddings_name}`. Received: {received}"
        )


def right_pairs(image_index, num_texts, num_images):
    """The correct pairs of texts and images, a boolean array `(m, n)`."""
    image_index = as_array(image_index, "image_index")
    if image_index.shape != (num_texts,) or not np.all(
        np.isin(image_index, np.arange(num_images))
    ):
        raise ValueError(
            "`image_index` must hold the row of each text's image, shape "
            f"({num_texts},), integers from 0 to {num_images - 1}. Received: "
            f"{image_index.dtype} of shape {image_index.shape}"
        )
    return image_index[:, None] == np.arange(num_images)
