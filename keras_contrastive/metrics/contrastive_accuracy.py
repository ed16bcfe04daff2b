"""How often the nearest other embedding is the positive."""

import math
from typing import Any

import keras
from keras import ops

from keras_contrastive.metrics.views import check_views
from keras_contrastive.metrics.views import fold_similarities
from keras_contrastive.metrics.views import gather_views
from keras_contrastive.metrics.views import weight_of_each
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ContrastiveAccuracy(keras.metrics.Mean):
    """Fraction of embeddings whose positive is more similar than all others.

    This is the top-1 accuracy of the classification task that NT-Xent poses:
    each of the `2B` embeddings of a batch must find the other view of its
    image among the `2B - 1` others, by cosine similarity. Chance is
    `1 / (2B - 1)`.

    A tie counts as wrong. Collapsed embeddings, which are all equal, therefore
    score 0 (or about chance, if rounding separates them), not 1.

    The task is harder in a larger batch: compare values at one batch size
    only. Over several batches it is the mean over their embeddings. The
    similarities are computed in blocks, in float32, so that memory is linear
    in the batch size.

    Args:
        name: Name of the metric.
        dtype: Dtype of the accumulators; `None` is `keras.config.floatx()`.

    Call arguments:
        z_a: Embeddings of the first view, shape `(B, dim)`. They need not be
            normalized.
        z_b: Embeddings of the second view, shape `(B, dim)`.
        sample_weight: Optional weights of the examples, shape `(B,)`, or one
            number.

    Raises:
        ValueError: If `z_a` and `z_b` are not matrices of the same shape, or
            `sample_weight` is not one number per example.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.metrics import ContrastiveAccuracy

    rng = np.random.default_rng(0)
    z = rng.standard_normal((32, 16)).astype("float32")
    accuracy = ContrastiveAccuracy()
    accuracy.update_state(z, z + 0.1)
    print(float(accuracy.result()))  # 1.0
    ```

    Reference:
        - [Chen et al., 2020](https://arxiv.org/abs/2002.05709), section 2.1
    """

    def __init__(
        self, name: str | None = "contrastive_accuracy", dtype: Any = None
    ):
        super().__init__(name=name, dtype=dtype)

    def update_state(
        self, z_a: Any, z_b: Any, sample_weight: Any = None
    ) -> None:
        z_a, z_b = l2_normalize(z_a), l2_normalize(z_b)
        check_views(z_a, z_b)
        weight = weight_of_each(sample_weight, z_a)
        keys, first, second = gather_views(z_a, z_b)
        queries = ops.concatenate([z_a, z_b])
        own_index = ops.concatenate([first, second])
        positive_index = ops.concatenate([second, first])

        def track(state, similarities, key_index):
            # Both sides of the comparison come from the same product. If they
            # were rounded differently, collapsed embeddings could count as
            # right.
            positive, hardest_negative = state
            is_positive = key_index == positive_index[:, None]
            positives = ops.where(is_positive, similarities, -math.inf)
            negatives = ops.where(is_positive, -math.inf, similarities)
            return (
                ops.maximum(positive, ops.max(positives, axis=1)),
                ops.maximum(hardest_negative, ops.max(negatives, axis=1)),
            )

        lowest = ops.zeros(ops.shape(own_index), dtype="float32") - math.inf
        positive, hardest_negative = fold_similarities(
            track, (lowest, lowest), queries, keys, excluded=own_index
        )
        is_correct = ops.cast(positive > hardest_negative, "float32")
        weights = ops.concatenate([weight, weight])
        return super().update_state(is_correct, weights)
