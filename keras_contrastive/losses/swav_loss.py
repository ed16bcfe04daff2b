from typing import Any

import keras
from keras import ops

from keras_contrastive.losses.embedding_loss import EmbeddingLoss
from keras_contrastive.losses.sinkhorn import sinkhorn
from keras_contrastive.losses.view_pairs import check_view_pairs
from keras_contrastive.losses.view_pairs import cross_entropy_of_other_views
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SwAVLoss(EmbeddingLoss):
    """Swapped prediction of cluster assignments, the loss of SwAV.

    A score is the cosine of an embedding and a prototype, see
    `layers.Prototypes`. The scores `s_t` of a global view t become a code
    `q_t`, a distribution over the K prototypes. Each other view v of the same
    image, global or local, must predict it:

    `loss = -mean_{t, v != t} sum_k q_tk log softmax(s_v / temperature)_k`

    The codes of the N images of a batch come from the Sinkhorn-Knopp
    algorithm, which starts from `Q = exp(s / epsilon)` and in each iteration
    divides the column of a prototype by its sum over the images, then the row
    of an image by its sum over the prototypes. All prototypes are thus used
    about equally, so that the embeddings cannot collapse. No gradient flows
    through a code. The batch should not be much smaller than K, unless the
    scores of earlier images are given: they are assigned together with those of
    the batch.

    The computation is in float32. The codes are computed as logarithms.

    Args:
        temperature: Positive number that the predicting scores are divided by.
            Defaults to 0.1.
        epsilon: Positive number, the smoothness of the codes. Defaults to 0.05.
        iterations: Int, the number of Sinkhorn iterations. Defaults to 3.
        gather: Whether the codes use the batches of all replicas, so that the
            loss over many devices equals that of one device on the whole batch.
            Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per example.

    Call arguments:
        targets: Float tensor of shape `(batch, global_views, prototypes)`: the
            scores that become codes.
        scores: Float tensor of shape `(batch, views, prototypes)`: the scores
            of all views, the global views first.
        queue_scores: Optional float tensor of shape `(size, global_views,
            prototypes)`: the scores of images of earlier batches, the same on
            all replicas.
        queue_is_used: Bool or bool scalar tensor, whether `queue_scores` are
            used. Defaults to `True`.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per image, shape `(batch,)`.

    Raises:
        ValueError: If `temperature` or `epsilon` is not positive, `iterations`
            is not a positive integer, or the scores are not of rank 3, differ
            in batch or prototypes, or have fewer than two views.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    scores = np.random.uniform(-1, 1, size=(16, 4, 8))  # 4 views, 8 prototypes
    loss = kc.losses.SwAVLoss()
    print(float(loss(scores[:, :2], scores)))
    ```

    Reference:
        Caron et al., 2020, Unsupervised Learning of Visual Features by
        Contrasting Cluster Assignments, eq. 1 to 5 and section 3.2.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        iterations: int = 3,
        gather: bool = True,
        name: str | None = "swav_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        super().__init__(name=name, reduction=reduction)
        self.temperature = check_positive("temperature", temperature)
        self.epsilon = check_positive("epsilon", epsilon)
        self.iterations = check_positive_int("iterations", iterations)
        self.gather = check_bool("gather", gather)

    def call(
        self,
        targets: Any,
        scores: Any,
        queue_scores: Any = None,
        queue_is_used: Any = True,
    ) -> Any:
        check_view_pairs(targets, scores, names=("targets", "scores"))
        targets = ops.cast(ops.stop_gradient(targets), "float32")
        scores = ops.cast(scores, "float32")
        if queue_scores is not None:
            queue_scores = ops.convert_to_tensor(queue_scores)
            _check_queue(queue_scores.shape, targets.shape)
            queue_scores = ops.cast(ops.stop_gradient(queue_scores), "float32")
        codes = sinkhorn(
            targets,
            self.epsilon,
            self.iterations,
            self.gather,
            queue_scores,
            queue_is_used,
        )
        return cross_entropy_of_other_views(codes, scores / self.temperature)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "epsilon": self.epsilon,
            "iterations": self.iterations,
            "gather": self.gather,
        }


def _check_queue(shape, target_shape):
    if tuple(shape)[1:] != tuple(target_shape)[1:]:
        raise ValueError(
            "`queue_scores` must have the views and prototypes of `targets`, "
            f"shape (size, {target_shape[1]}, {target_shape[2]}). "
            f"Received: queue_scores.shape={tuple(shape)}"
        )
