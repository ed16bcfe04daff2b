"""Classification of images by the most similar sentence."""

from typing import Any

import numpy as np

from keras_contrastive.evaluation.checks import CHUNK_BYTES
from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.metrics.retrieval_recall import TIE


def zero_shot_classify(image_embeddings: Any, weights: Any) -> np.ndarray:
    """Predicts the class whose description is most similar to each image.

    If classes are equally similar, up to rounding, the first one wins. The
    result is computed in NumPy, in float32, so it is the same on every backend.

    Args:
        image_embeddings: Array or tensor of shape `(n, dim)`. The rows need
            not be normalized.
        weights: Array of shape `(dim, num_classes)`, the result of
            `zero_shot_weights`.

    Returns:
        A NumPy array of ints, shape `(n,)`: the columns of the classes.

    Raises:
        ValueError: If the arrays are not finite, non-empty matrices, or their
            sizes do not fit.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import zero_shot_classify

    weights = np.array([[1.0, 0.0], [0.0, 1.0]])
    image_embeddings = np.array([[0.1, 3.0], [2.0, 1.0], [1.0, 1.0]])
    print(zero_shot_classify(image_embeddings, weights))  # [1 0 0]
    ```

    Reference:
        - [Radford et al., 2021](https://arxiv.org/abs/2103.00020),
          section 3.1.2
    """
    images = as_features(image_embeddings, "image_embeddings")
    weights = as_features(weights, "weights")
    if images.shape[1] != weights.shape[0]:
        raise ValueError(
            "`weights` must have one row for each dimension of "
            f"`image_embeddings`. Received shapes {weights.shape} and "
            f"{images.shape}."
        )
    images = normalize_rows(images)
    rows = max(1, CHUNK_BYTES // (4 * weights.shape[1]))
    predicted = []
    for start in range(0, len(images), rows):
        similarity = images[start : start + rows] @ weights
        best = similarity.max(axis=1, keepdims=True)
        predicted.append(np.argmax(similarity >= best - TIE, axis=1))
    return np.concatenate(predicted)
