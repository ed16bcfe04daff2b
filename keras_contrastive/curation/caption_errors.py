"""Captions that do not fit their image."""

from typing import Any

import numpy as np

from keras_contrastive.curation.neighbors import unit_rows
from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import check_same_width

ROWS = 1024  # captions that are compared with all images at a time


def caption_errors(
    image_embeddings: Any, text_embeddings: Any, image_index: Any = None
) -> dict[str, np.ndarray]:
    """Sorts captions by how badly they fit their image.

    The similarity of a caption and its image, CLIPScore, is higher for some
    captions than for others with any image. Therefore the score compares it
    with the other images: it is the number of standard deviations above the
    mean similarity of the caption to all images. Captions of other images have
    scores around 0. With a good model, captions that fit have scores of 2 to 5.

    Args:
        image_embeddings: Array of shape `(n, dim)`, of a model such as
            `CLIPModel`, n at least 2. They need not be normalized.
        text_embeddings: Array of shape `(m, dim)`.
        image_index: Ints of shape `(m,)`: `image_index[j]` is the image of
            caption j. Defaults to the same order, which needs m = n.

    Returns:
        Dict of arrays of length m, a table for `pandas.DataFrame`, the worst
        captions first: `"caption"`, the index of the caption, `"image"`, the
        index of its image, `"similarity"`, their cosine, `"score"`, and
        `"rank"`, how many images are more similar to the caption than its own.

    Raises:
        ValueError: If embeddings are not finite matrices of the same width, or
            `image_index` does not name an image for each caption.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.eye(8)
    texts = images[[0, 1, 2, 5, 4, 3, 6, 7]]  # 3 and 5 are swapped
    table = kc.curation.caption_errors(images, texts)
    print(table["caption"][:2])  # [3 5]
    ```

    Reference:
        Hessel et al., 2021, CLIPScore: A Reference-free Evaluation Metric for
        Image Captioning.
    """
    images = unit_rows(image_embeddings, "image_embeddings")
    texts = unit_rows(text_embeddings, "text_embeddings", fewest=1)
    check_same_width(images, texts, ("image_embeddings", "text_embeddings"))
    own = _image_index(image_index, len(images), len(texts))
    similarity, mean, std, rank = (np.empty(len(texts)) for _ in range(4))
    for start in range(0, len(texts), ROWS):
        part = slice(start, start + ROWS)
        of_all = texts[part] @ images.T
        of_own = np.take_along_axis(of_all, own[part, None], axis=1)
        similarity[part] = of_own[:, 0]
        mean[part], std[part] = of_all.mean(axis=1), of_all.std(axis=1)
        rank[part] = (of_all > of_own).sum(axis=1)
    score = (similarity - mean) / np.maximum(std, 1e-12)
    caption = np.argsort(score, kind="stable")
    return {
        "caption": caption,
        "image": own[caption],
        "similarity": similarity[caption].astype("float32"),
        "score": score[caption],
        "rank": rank[caption].astype("int64"),
    }


def _image_index(image_index, num_images, num_texts):
    if image_index is None:
        if num_images != num_texts:
            raise ValueError(
                "`image_index` can only be left out for one caption per image. "
                f"Received: {num_images} images and {num_texts} captions"
            )
        return np.arange(num_texts)
    own = as_array(image_index, "image_index")
    is_index = own.dtype.kind in "iu" and own.shape == (num_texts,)
    if not is_index or own.min() < 0 or own.max() >= num_images:
        raise ValueError(
            f"`image_index` must be {num_texts} integers from 0 to "
            f"{num_images - 1}. Received: {own.dtype} of shape {own.shape}"
        )
    return own
