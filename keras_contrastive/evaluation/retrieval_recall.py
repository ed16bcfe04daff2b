"""Recall of image-text retrieval over a whole test set."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.evaluation.checks import CHUNK_BYTES
from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import check_same_width
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.metrics.retrieval_recall import TIE
from keras_contrastive.validation import check_positive_int


def retrieval_recall(
    image_embeddings: Any,
    text_embeddings: Any,
    image_index: Any,
    ks: Sequence[int] = (1, 5, 10),
    chunk_size: int | None = None,
) -> dict[str, float]:
    """The recall of image-to-text and text-to-image retrieval.

    This is Karpathy's protocol, used in the tables for Flickr30k and COCO. All
    embeddings are L2-normalized in float32, and every image is compared with
    every text.

    - `"image_to_text_recall@k"`: fraction of images with **any** of their texts
      among the `k` most similar texts.
    - `"text_to_image_recall@k"`: fraction of texts with their one image among
      the `k` most similar images.

    Ties count against the model: a candidate that is as similar as the correct
    one, up to rounding, is ranked before it. A collapsed model, whose
    embeddings are all equal, therefore scores 0, and the result does not depend
    on the order of the rows. It is computed in NumPy, so it is the same on
    every backend.

    Args:
        image_embeddings: Array or tensor of shape `(num_images, dim)`. The
            rows need not be normalized.
        text_embeddings: Array or tensor of shape `(num_texts, dim)`.
        image_index: Ints, shape `(num_texts,)`: `image_index[j]` is the row
            of text j's image. Every image must have a text.
        ks: Positive ints. If `k` exceeds the number of candidates, all of them
            count.
        chunk_size: Number of images compared with all texts at once. `None`
            keeps a chunk of similarities within 128 MiB. The result does not
            depend on it.

    Returns:
        A dict of floats between 0 and 1, two for each of `ks`.

    Raises:
        ValueError: If the embeddings are not finite, non-empty matrices of one
            width, `image_index` does not fit them or leaves an image without
            a text, or a number is out of range.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import retrieval_recall

    images = np.array([[1.0, 0.0], [0.0, 1.0]])
    texts = np.array([[1.0, 0.1], [0.2, 1.0], [0.1, 1.0]])
    # The second text describes the first image, but resembles the other.
    retrieval_recall(images, texts, image_index=[0, 0, 1], ks=[1])
    # {'image_to_text_recall@1': 1.0, 'text_to_image_recall@1': 0.666...}
    ```

    Reference:
        - [Karpathy and Fei-Fei, 2015](https://arxiv.org/abs/1412.2306),
          section 4.1
    """
    images = as_features(image_embeddings, "image_embeddings")
    texts = as_features(text_embeddings, "text_embeddings")
    check_same_width(images, texts, ("image_embeddings", "text_embeddings"))
    image_index = as_image_index(image_index, len(images), len(texts))
    ks = as_ks(ks)
    if chunk_size is not None:
        chunk_size = check_positive_int("chunk_size", chunk_size)
    else:
        chunk_size = max(1, CHUNK_BYTES // (4 * len(texts)))
    ranks = _ranks(
        normalize_rows(images), normalize_rows(texts), image_index, chunk_size
    )
    return {
        f"{direction}_recall@{k}": float(np.mean(rank < k))
        for direction, rank in ranks.items()
        for k in ks
    }


def _ranks(images, texts, image_index, chunk_size):
    """Number of wrong candidates at least as similar as the best right one.

    The texts of an image and the image of a text are correct candidates. They
    are never ranked before the best correct candidate.
    """
    of_images = np.empty(len(images), "int64")
    of_texts = np.zeros(len(texts), "int64")
    pair = np.einsum("td,td->t", texts, images[image_index])
    for start in range(0, len(images), chunk_size):
        chunk = slice(start, start + chunk_size)
        similarity = images[chunk] @ texts.T
        row = image_index - start
        text = np.flatnonzero((row >= 0) & (row < len(similarity)))
        right = row[text], text
        best = np.full((len(similarity), 1), -np.inf, "float32")
        np.maximum.at(best[:, 0], right[0], similarity[right])
        similarity[right] = -np.inf
        of_images[chunk] = (similarity >= best - TIE).sum(axis=1)
        of_texts += (similarity >= pair - TIE).sum(axis=0)
    return {"image_to_text": of_images, "text_to_image": of_texts}


def as_ks(ks):
    """`ks` as a tuple of positive ints, at least one."""
    values = tuple(ks) if isinstance(ks, Iterable) else ()
    if not values:
        raise ValueError(
            "`ks` must be a list of at least one positive integer. "
            f"Received: ks={ks}"
        )
    return tuple(check_positive_int("ks", k) for k in values)


def as_image_index(image_index, num_images, num_texts):
    """`image_index` as an integer NumPy array, if every image has a text."""
    image_index = as_array(image_index, "image_index")
    if image_index.shape != (num_texts,) or image_index.dtype.kind not in "iu":
        raise ValueError(
            "`image_index` must hold the row of each text's image, integers "
            f"of shape ({num_texts},). Received an array of "
            f"{image_index.dtype} of shape {image_index.shape}."
        )
    if image_index.min() < 0 or image_index.max() >= num_images:
        raise ValueError(
            f"`image_index` must be between 0 and {num_images - 1}, there "
            f"being {num_images} images. Received values from "
            f"{image_index.min()} to {image_index.max()}."
        )
    textless = np.bincount(image_index, minlength=num_images) == 0
    if textless.any():
        raise ValueError(
            "`image_index` must give every image at least one text. Received "
            f"none for {textless.sum()} of {num_images} images, the first of "
            f"them image {int(np.argmax(textless))}."
        )
    return image_index
