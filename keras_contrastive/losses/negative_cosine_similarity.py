from typing import Any

import keras
from keras import ops

from keras_contrastive.losses.embedding_loss import EmbeddingLoss
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NegativeCosineSimilarity(EmbeddingLoss):
    """Minus the cosine of a prediction and its target, the loss of SimSiam.

    `l_i = -(p_i / ||p_i||) . (t_i / ||t_i||)`

    No gradient flows into the targets `t`. The loss lies between -1, if each
    prediction points to its target, and 1. BYOL's loss `||p - t||^2` of
    normalized vectors is `2 + 2 l`. There are no negatives, so a constant
    embedding also reaches -1. The predictor, together with targets without
    gradient, prevents this.

    A zero vector has the loss 0. Each loss depends on one example alone, so
    nothing is gathered over devices. The computation is in float32.

    Args:
        name: Name of the loss.
        reduction: Keras reduction of the losses per example.

    Call arguments:
        predictions: Float tensor of shape `(batch, dim)`.
        targets: Float tensor of shape `(batch, dim)`, treated as constants.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per example, shape `(batch,)`.

    Raises:
        ValueError: If `predictions` and `targets` are not of rank 2 and of the
            same shape.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    targets = np.random.normal(size=(8, 16))
    predictions = targets + 0.1 * np.random.normal(size=(8, 16))
    loss = kc.losses.NegativeCosineSimilarity()
    print(float(loss(predictions, targets)))  # near -1
    ```

    Reference:
        Chen and He, 2021, Exploring Simple Siamese Representation Learning,
        eq. 1 and 3; Grill et al., 2020, Bootstrap Your Own Latent, eq. 2.
    """

    def __init__(
        self,
        name: str | None = "negative_cosine_similarity",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(name=name, reduction=reduction)

    def call(self, predictions: Any, targets: Any) -> Any:
        check_embedding_pair(predictions, targets, ("predictions", "targets"))
        targets = ops.stop_gradient(l2_normalize(targets))
        return -ops.sum(l2_normalize(predictions) * targets, axis=1)
