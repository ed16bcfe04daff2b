from typing import Any

import keras

from keras_contrastive.layers.feature_queue import FeatureQueue
from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.losses.queue_info_nce_loss import QueueInfoNCELoss
from keras_contrastive.metrics.retrieval_recall import RetrievalRecall
from keras_contrastive.models.teacher_model import TeacherModel
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.trainer.compile_arguments import check_takes_queue
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MoCoModel(TeacherModel):
    """MoCo: a momentum teacher makes the keys, a queue keeps negatives.

    The student turns a view into `h = encoder(x)` and the query
    `q = projector(h)`. The teacher, a momentum copy of both, turns the other
    view into the key `k`. The query must find its key among the keys `n_j` of
    earlier batches. With the cosine similarity and the temperature t:

    `l_i = -log(exp(q_i . k_i / t)
                / (exp(q_i . k_i / t) + sum_j exp(q_i . n_j / t)))`

    This is MoCo v2, with `queue_size` negatives for every batch size. The first
    view makes the queries and the second view the keys.

    With `queue_size=None` it is MoCo v3: the negatives are the other keys of
    the batch, `q = predictor(projector(h))`, and the loss is the mean over both
    directions: the queries of the first view with the keys of the second, and
    the reverse. (The authors multiply it by `4 t`.) It needs a large batch; see
    `microbatch_size` in `compile`.

    Once per step, after the optimizer, the teacher moves toward the updated
    weights: `t = m t + (1 - m) s`. Then the keys enter the queue. The teacher
    starts as a copy. If you load new weights into `encoder`, call
    `model.teacher.copy_weights(model.encoder, model.projector)`. With
    `total_steps`, the momentum `m` rises to 1 along half a cosine, as in v3.

    The paper shuffles the examples between devices, so that the batch
    statistics of a device do not reveal which key belongs to a query. Here the
    statistics are those of the whole batch (`layers.BatchNormalization`), so
    shuffling is not necessary. With `microbatch_size` they are those of a
    microbatch, which also holds the keys of its queries. In this case, prefer
    encoders without BatchNorm or large microbatches.

    Args:
        encoder: Keras model or layer, as in `SimCLRModel`, with a known output
            shape and a `get_config`, which is used to copy it.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to v2's, `ProjectionHead(dim, 128, use_batch_norm=False)`. For v3's
            pass `ProjectionHead(4096, 256, output_batch_norm=True)`.
        augmenter: As in `SimCLRModel`.
        probe: As in `SimCLRModel`. With a queue it sees the first view alone.
        num_classes: As in `SimCLRModel`.
        predictor: Layer from z to q, of the same width. Defaults to none with a
            queue, and to v3's `ProjectionHead(2 * dim, projection_dim)`
            without.
        queue_size: Int, the number of negatives in the queue, or `None` for the
            negatives of the batch alone. Defaults to 4096, for small datasets;
            the paper uses 65,536 for ImageNet.
        momentum: Float in [0, 1], the teacher's momentum or its first value.
            Defaults to 0.99, for small datasets and v3; v2 uses 0.999 for
            ImageNet.
        total_steps: Int, the number of steps until the momentum is 1, usually
            those of the whole training. `None`, the default, keeps it constant.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images or other inputs of the augmenter, as in `SimCLRModel`.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    `fit` and `evaluate` take the data that those of `SimCLRModel` take. The
    logs hold `loss`, `contrastive_accuracy`, here how often a query finds its
    key among the keys of the batch, and with a probe `probe_loss` and
    `probe_accuracy`. `compile` takes `loss="queue_info_nce"` or a loss that is
    called as `loss(queries, keys)`, and with `queue=` if there is a queue. The
    default has v2's temperature, 0.2.

    Raises:
        ValueError: As `SimCLRModel`, or if the encoder does not know its output
            shape or has no config, `momentum` is not in [0, 1], or `queue_size`
            or `total_steps` is not a positive integer.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    encoder = kc.models.ConvNet(16, 3, (32, 32, 3))
    model = kc.MoCoModel(encoder, queue_size=64)  # v3: queue_size=None
    model.compile()
    model.fit(images, batch_size=32, verbose=0)
    print(model.predict(images, verbose=0).shape)
    ```

    Reference:
        He et al., 2020, Momentum Contrast for Unsupervised Visual
        Representation Learning, section 3; Chen et al., 2020, Improved
        Baselines with Momentum Contrastive Learning, for v2; Chen et al., 2021,
        An Empirical Study of Training Self-Supervised Vision Transformers,
        section 3, for v3.
    """

    named_losses = {"queue_info_nce": QueueInfoNCELoss}
    collapse_causes = (
        "a learning rate too high, a teacher momentum too low, views without "
        "differences, weights that became NaN"
    )

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        predictor: keras.Layer | None = None,
        queue_size: int | None = 4096,
        momentum: float = 0.99,
        total_steps: int | None = None,
        **kwargs: Any,
    ):
        if predictor is None and queue_size is not None:
            predictor = keras.layers.Identity()
        super().__init__(
            encoder,
            projector,
            augmenter,
            probe,
            num_classes,
            predictor,
            momentum,
            total_steps,
            **kwargs,
        )
        self.queue = None
        if queue_size is not None:
            queue_size = check_positive_int("queue_size", queue_size)
            self.queue = FeatureQueue(queue_size, self.projection_dim)

    def default_projector(self, dim: int) -> keras.Layer:
        return ProjectionHead(
            dim, 128, use_batch_norm=False, dtype=self.dtype_policy
        )

    def default_loss(self) -> keras.losses.Loss:
        return QueueInfoNCELoss(temperature=0.2)

    def default_metrics(self) -> list[keras.metrics.Metric]:
        # Queries and keys come from different networks, so a query may be
        # closer to another query than to its key.
        name = "contrastive_accuracy"
        return [RetrievalRecall(1, "image_to_text", name=name)]

    def metric_inputs(self, embeddings: Any, targets: Any) -> tuple:
        return embeddings["predictions"][0], targets[-1]

    def embed(self, views: Any, training: bool) -> Any:
        # With a queue, one view makes the queries and the other the keys.
        queries = views if self.queue is None else views[:1]
        return super().embed(queries, training)

    def embed_targets(self, views: Any, training: bool) -> Any:
        views = views if self.queue is None else views[1:]
        keys = super().embed_targets(views, training)
        return [l2_normalize(key) for key in keys]

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        queries, keys = embeddings["predictions"], targets
        weight = {"sample_weight": sample_weight}
        if self.queue is None:
            loss = self.loss(queries[0], keys[1], **weight)
            loss = (loss + self.loss(queries[1], keys[0], **weight)) / 2
        else:
            check_takes_queue(self.loss, "queue", "QueueInfoNCELoss")
            queue = self.queue.features
            loss = self.loss(queries[0], keys[0], queue=queue, **weight)
        return loss

    def after_update(self, embeddings: Any, targets: Any) -> None:
        super().after_update(embeddings, targets)
        if self.queue is not None:
            self.queue.enqueue(targets[0])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "queue_size": None if self.queue is None else self.queue.size,
        }
