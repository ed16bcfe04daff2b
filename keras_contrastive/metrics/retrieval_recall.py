"""The recall of retrieval between two kinds of data in a batch."""

import math
from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.metrics.views import check_views
from keras_contrastive.metrics.views import fold_similarities
from keras_contrastive.metrics.views import own_rows
from keras_contrastive.metrics.views import weight_of_each
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_positive_int

DIRECTIONS = ("image_to_text", "text_to_image")

# Cosine similarities that differ by less are equal up to float32 rounding.
TIE = 1e-6


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RetrievalRecall(keras.metrics.Mean):
    """Fraction of queries with their partner among the `k` most similar.

    Row i of the image embeddings and row i of the text embeddings belong
    together. Each image is compared with all texts of the batch by cosine
    similarity, or each text with all images. Chance is `k / B`. `modalities`
    replaces images and texts by two other kinds of data.

    Ties count against the model: a partner that is not more similar than
    another candidate, up to rounding, is ranked after it. Collapsed
    embeddings, which are all equal, therefore score 0, and so do NaN.

    The task is harder in a larger batch, so compare values at one batch size
    only. For the recall reported in papers, over a whole test set with all
    captions of an image, use `evaluation.retrieval_recall`. Here, other
    captions of the same image in a batch count as wrong. Over several batches
    it is the mean over their examples. The similarities are computed in
    blocks, in float32, so that memory is linear in the batch size.

    Args:
        k: Positive int, number of candidates that may be returned.
        direction: `"image_to_text"`, the default: images are queries, texts
            candidates; or `"text_to_image"`. With `modalities`, their names
            replace `image` and `text`.
        modalities: Pair of strings, the names of the kinds of data of the first
            and of the second embeddings of a call.
        name: Name of the metric. Defaults to, for example,
            `"image_to_text_recall@1"`.
        dtype: Dtype of the accumulators; `None` is `keras.config.floatx()`.

    Call arguments:
        image_embeddings: Shape `(B, dim)`, embeddings of images, or of the
            first of `modalities`. They need not be normalized.
        text_embeddings: Shape `(B, dim)`, embeddings of texts, or of the second
            of `modalities`.
        sample_weight: Optional weights of the examples, shape `(B,)`, or one
            number.

    Raises:
        ValueError: If `k` is not a positive int, `direction` is not one of the
            two, `modalities` are not two different strings, the embeddings
            are not matrices of the same shape, or `sample_weight` is not one
            number per example.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.metrics import RetrievalRecall

    images = np.eye(4, dtype="float32")
    texts = images[[0, 1, 3, 2]]  # the last two are swapped
    recall = RetrievalRecall(k=1, direction="image_to_text")
    recall.update_state(images, texts)
    print(recall.name, float(recall.result()))  # image_to_text_recall@1 0.5
    ```

    Reference:
        - [Radford et al., 2021](https://arxiv.org/abs/2103.00020),
          section 3.1
    """

    def __init__(
        self,
        k: int = 1,
        direction: str | None = None,
        name: str | None = None,
        dtype: Any = None,
        modalities: tuple[str, str] = ("image", "text"),
    ):
        k = check_positive_int("k", k)
        first, second = _check_modalities(modalities)
        directions = f"{first}_to_{second}", f"{second}_to_{first}"
        direction = directions[0] if direction is None else direction
        check_choice("direction", direction, directions)
        super().__init__(name=name or f"{direction}_recall@{k}", dtype=dtype)
        self.k = k
        self.direction = direction
        self.modalities = (first, second)

    def update_state(
        self,
        image_embeddings: Any,
        text_embeddings: Any,
        sample_weight: Any = None,
    ) -> None:
        images = l2_normalize(image_embeddings)
        texts = l2_normalize(text_embeddings)
        first, second = self.modalities
        check_views(
            images, texts, (f"{first}_embeddings", f"{second}_embeddings")
        )
        weight = weight_of_each(sample_weight, images)
        if self.direction == f"{first}_to_{second}":
            rank = _rank_of_partner(images, texts)
        else:
            rank = _rank_of_partner(texts, images)
        is_hit = ops.cast(rank < self.k, "float32")
        return super().update_state(is_hit, weight)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {
            **config,
            "k": self.k,
            "direction": self.direction,
            "modalities": self.modalities,
        }


def _check_modalities(modalities):
    is_pair = isinstance(modalities, (list, tuple)) and len(modalities) == 2
    if (
        not is_pair
        or not all(isinstance(name, str) and name for name in modalities)
        or modalities[0] == modalities[1]
    ):
        raise ValueError(
            "`modalities` must be two different names. "
            f"Received: modalities={modalities!r}"
        )
    return modalities


def _rank_of_partner(queries, keys):
    """Number of other keys that are at least as similar as the query's own."""
    keys = distribution.all_gather(keys)
    row_index = own_rows(queries)[:, None]
    n = ops.shape(queries)[0]

    # The similarity to the partner comes from the same products as the others.
    # A separate sum would be rounded differently, by more than the tolerance
    # for ties on devices that multiply matrices in reduced precision.
    def find_partner(similarity, similarities, key_index):
        own = ops.where(key_index == row_index, similarities, -math.inf)
        return ops.maximum(similarity, ops.max(own, axis=1))

    lowest = ops.zeros((n,), dtype="float32") - math.inf
    partner = fold_similarities(find_partner, lowest, queries, keys)
    threshold = partner[:, None] - TIE

    def count(rank, similarities, key_index):
        # Negated, so that NaN, for which all comparisons fail, counts as
        # better.
        is_ahead = ops.logical_not(similarities < threshold)
        is_ahead = ops.logical_and(is_ahead, key_index != row_index)
        return rank + ops.sum(ops.cast(is_ahead, "int32"), axis=1)

    return fold_similarities(
        count, ops.zeros((n,), dtype="int32"), queries, keys
    )
