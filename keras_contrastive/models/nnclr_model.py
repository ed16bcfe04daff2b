import math
from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.feature_queue import FeatureQueue
from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.losses.queue_info_nce_loss import QueueInfoNCELoss
from keras_contrastive.metrics.views import fold_similarities
from keras_contrastive.models.predictor_model import PredictorModel
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class NNCLRModel(PredictorModel):
    """NNCLR: the positive is the nearest neighbor in a queue.

    Encoder, projector and predictor turn each of two views into
    `h = encoder(x)`, `z = projector(h)` and `p = predictor(z)`. A queue `Q`
    holds the z of earlier batches. Each p is compared not with the z of the
    other view, but with the nearest neighbor of that z in the queue,
    `NN(z, Q)`. It is another image, which differs more than augmentation can.
    With the cosine similarity and the temperature t:

    `l(1, 2)_i = -log(exp(NN(z_1i, Q) . p_2i / t)
                      / sum_k exp(NN(z_1i, Q) . p_2k / t))`

    The loss is the mean of `l(1, 2)` and `l(2, 1)` over the batch. No gradient
    flows into the neighbors.

    The z of the first view enter the queue after the step, so no row is its own
    neighbor in the same step. However, a queue longer than the dataset still
    holds the same image from the previous epoch, so choose a `queue_size` well
    below the number of images. The queue starts with random directions, which
    are not useful neighbors: the loss starts to fall when the queue is full,
    after `queue_size / batch_size` steps.

    Args:
        encoder: Keras model or layer, as in `SimCLRModel`, whose output shape
            is known.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to the paper's, `ProjectionHead(2048, 256, num_layers=3)`.
        augmenter: As in `SimCLRModel`.
        probe: As in `SimCLRModel`.
        num_classes: As in `SimCLRModel`.
        predictor: Layer from z to p, of the same width. Defaults to the
            paper's, `ProjectionHead(4096, projection_dim)`.
        queue_size: Int, the number of z in the queue. Defaults to 4096; the
            paper uses 98,304 for ImageNet.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images or other inputs of the augmenter, as in `SimCLRModel`.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    `fit` and `evaluate` take the data that those of `SimCLRModel` take. The
    logs hold `loss`, `contrastive_accuracy` of the z of the two views, and with
    a probe `probe_loss` and `probe_accuracy`. `compile` takes
    `loss="queue_info_nce"` or a loss that is called as
    `loss(neighbors, predictions)`; the default has the paper's temperature,
    0.1.

    Raises:
        ValueError: As `SimCLRModel`, or if the encoder does not know its output
            shape, or `queue_size` is not a positive integer.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    model = kc.NNCLRModel(
        kc.models.ConvNet(16, 3, (32, 32, 3)),
        kc.layers.ProjectionHead(64, 32, num_layers=3),
        predictor=kc.layers.ProjectionHead(64, 32),
        queue_size=32,
    )
    model.compile()
    model.fit(images, batch_size=32, verbose=0)
    print(model.predict(images, verbose=0).shape)
    ```

    Reference:
        Dwibedi et al., 2021, With a Little Help from My Friends:
        Nearest-Neighbor Contrastive Learning of Visual Representations, section
        3.2 and algorithm 1.
    """

    named_losses = {"queue_info_nce": QueueInfoNCELoss}
    collapse_causes = (
        "a learning rate too high, views without differences, weights that "
        "became NaN"
    )

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        predictor: keras.Layer | None = None,
        queue_size: int = 4096,
        **kwargs: Any,
    ):
        super().__init__(
            encoder,
            projector,
            augmenter,
            probe,
            num_classes,
            predictor,
            **kwargs,
        )
        queue_size = check_positive_int("queue_size", queue_size)
        self.queue = FeatureQueue(queue_size, self.projection_dim)

    def default_projector(self, dim: int) -> keras.Layer:
        return ProjectionHead(2048, 256, 3, dtype=self.dtype_policy)

    def default_predictor(self, dim: int, projection_dim: int) -> keras.Layer:
        return ProjectionHead(4096, projection_dim, dtype=self.dtype_policy)

    def default_loss(self) -> keras.losses.Loss:
        return QueueInfoNCELoss(temperature=0.1)

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        features = self.queue.features
        nn_a, nn_b = (nearest(z, features) for z in embeddings["pair"])
        p_a, p_b = embeddings["predictions"]
        loss = self.loss(nn_a, p_b, sample_weight=sample_weight)
        loss = loss + self.loss(nn_b, p_a, sample_weight=sample_weight)
        return loss / 2

    def after_update(self, embeddings: Any, targets: Any) -> None:
        self.queue.enqueue(l2_normalize(embeddings["pair"][0]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "queue_size": self.queue.size}


def nearest(queries, keys):
    """The key most similar to each query by cosine, without gradient.

    Args:
        queries: Float tensor of shape `(n, dim)`.
        keys: Float32 tensor of shape `(m, dim)`, normalized rows.

    Returns:
        Float32 tensor of shape `(n, dim)`, computed in blocks of keys.
    """
    queries = l2_normalize(queries)

    def track(state, similarities, key_index):
        highest, index = state
        best = ops.argmax(similarities, axis=1)
        value = ops.max(similarities, axis=1)
        is_higher = value > highest
        return (
            ops.where(is_higher, value, highest),
            ops.where(is_higher, ops.take(key_index, best), index),
        )

    # Made from the queries, whose number may be unknown in a tf.function.
    lowest = ops.zeros_like(queries[:, 0]) - math.inf
    initial = lowest, ops.zeros_like(lowest, dtype="int32")
    _, index = fold_similarities(track, initial, queries, keys)
    return ops.stop_gradient(ops.take(keys, index, axis=0))
