"""How often an image is more similar to its caption than to wrong captions."""

from typing import Any

import numpy as np

from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import normalize_rows


def caption_choice(
    image_embeddings: Any,
    text_embeddings: Any,
    wrong_text_embeddings: Any,
) -> float:
    """Share of images that are nearer to their caption than to wrong ones.

    The wrong captions are written for each image: the right one with two
    attributes swapped ("a blue star on red" for "a red star on blue"), another
    relation, another number. Retrieval among captions of other images hardly
    tests this, since most of these captions differ in all words. A model that
    only knows which words fit an image chooses at random between two captions
    with the same words.

    An image counts if its cosine with its caption is greater than with all of
    its wrong captions; ties do not count. Chance is `1 / (1 + k)`.

    Args:
        image_embeddings: Array or tensor of shape `(n, dim)`.
        text_embeddings: Array or tensor of shape `(n, dim)`, of the caption of
            each image.
        wrong_text_embeddings: Array or tensor of shape `(n, dim)`, or
            `(n, k, dim)` for k wrong captions an image.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If the shapes do not fit together, or a value is not finite.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import caption_choice

    images = np.array([[1.0, 0.0], [0.0, 1.0]])
    captions = np.array([[0.9, 0.1], [0.5, 0.6]])
    swapped = np.array([[0.1, 0.9], [0.1, 0.9]])
    print(caption_choice(images, captions, swapped))  # 0.5
    ```

    Reference:
        - [Hsieh et al., 2023](https://arxiv.org/abs/2306.14610), SugarCrepe
        - [Yuksekgonul et al., 2023](https://arxiv.org/abs/2210.01936), on
          attributes and relations
    """
    images = as_features(image_embeddings, "image_embeddings")
    texts = as_features(text_embeddings, "text_embeddings")
    wrong = as_array(wrong_text_embeddings, "wrong_text_embeddings")
    if wrong.ndim == 2:
        wrong = wrong[:, None]
    if (
        texts.shape != images.shape
        or wrong.ndim != 3
        or (len(wrong), wrong.shape[2]) != images.shape
        or not wrong.shape[1]
    ):
        raise ValueError(
            "`image_embeddings` and `text_embeddings` must have the shape "
            "(n, dim), and `wrong_text_embeddings` (n, dim) or (n, k, dim). "
            f"Received: shapes {images.shape}, {texts.shape} and "
            f"{np.shape(wrong_text_embeddings)}"
        )
    flat = as_features(
        wrong.reshape(-1, wrong.shape[2]), "wrong_text_embeddings"
    )
    wrong = normalize_rows(flat).reshape(wrong.shape)
    images, texts = normalize_rows(images), normalize_rows(texts)
    right = np.einsum("nd,nd->n", images, texts)
    others = np.einsum("nd,nkd->nk", images, wrong)
    return float(np.mean(right > others.max(axis=1)))
