from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.layers.feature_queue import FeatureQueue
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    swav_augmenter,
)
from keras_contrastive.losses.swav_loss import SwAVLoss
from keras_contrastive.models.prototype_model import NUM_GLOBAL
from keras_contrastive.models.prototype_model import PrototypeModel
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.trainer.compile_arguments import check_takes_queue
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SwAVModel(PrototypeModel):
    """SwAV: views of an image predict each other's cluster.

    A view becomes `h = encoder(x)`, `z = projector(h)` and `s`, the cosine
    similarities of z with learned prototypes. The scores of the two global
    views are converted to cluster assignments that are balanced over the batch.
    All other views of the same image, global or local, must predict them:
    `losses.SwAVLoss` has the formula. No pairs of images are compared, so
    memory grows with the number of prototypes instead of the batch. But the
    batch should not be much smaller than the number of prototypes. If it is,
    use `queue_size`: a queue keeps the z of earlier batches, which are assigned
    together with those of the batch. This costs memory and one matrix product
    per step, but no pass through the encoder.

    A `layers.MultiCrop` makes local views in addition to the two global views.
    Views of one size are encoded as one batch. With `microbatch_size`, the
    assignments still use the whole batch, but batch statistics are those of a
    microbatch.

    Args:
        encoder: As in `SimCLRModel`. For local views of another size, it must
            take images of any size, such as a `models.ResNet18` of
            `input_shape=(None, None, 3)`.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to `ProjectionHead(dim, 128)`.
        augmenter: A `layers.MultiCrop` with two global views, such as that of
            `swav_augmentation`, or as in `SimCLRModel`. Defaults to the global
            views of `swav_augmentation` for the size that the encoder takes.
        probe: As in `SimCLRModel`. It learns from the global views.
        num_classes: As in `SimCLRModel`.
        num_prototypes: Int, number of prototypes. Defaults to 512; the paper
            uses 3,000 for ImageNet.
        frozen_steps: Int, the number of steps at the start in which the
            prototypes are not trained. Defaults to 0; the paper uses one epoch.
        queue_size: Int, the number of earlier images whose z are kept for each
            global view, or `None`, the default, for none. The paper uses 3,840
            for batches of 256 and 3,000 prototypes.
        queue_start: Int, the number of steps at the start that do not use the
            queue, because the z still change fast. Defaults to 0; the paper
            uses 15 epochs. The queue is never used before it is full.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images as in `SimCLRModel`, resized to the size of a global view.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    `fit` and `evaluate` take the data that those of `SimCLRModel` take. The
    logs hold `loss`, `contrastive_accuracy` (how often the z of the other
    global view is the most similar in the batch, which the loss does not
    optimize), and with a probe `probe_loss` and `probe_accuracy`. `compile`
    takes `loss="swav"` or a loss that is called as
    `loss(global_scores, scores)`, of shape `(batch, views, prototypes)`, with a
    queue also with the arguments `queue_scores` and `queue_is_used` of
    `losses.SwAVLoss`.

    Raises:
        ValueError: As `SimCLRModel`, or if the encoder does not take the local
            views, `num_prototypes` or `queue_size` is not a positive integer,
            `frozen_steps` or `queue_start` is negative, or if there is a queue
            and the encoder does not know its output shape.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    encoder = kc.models.ConvNet(16, 3, (None, None, 3))
    crops = kc.layers.swav_augmentation("cifar10", 32, 32, num_local=2)
    model = kc.SwAVModel(encoder, augmenter=crops, num_prototypes=32)
    model.compile()
    model.fit(images, batch_size=32, verbose=0)
    print(model.predict(images, verbose=0).shape)
    ```

    Reference:
        Caron et al., 2020, Unsupervised Learning of Visual Features by
        Contrasting Cluster Assignments, section 3.
    """

    named_losses = {"swav": SwAVLoss}
    collapse_causes = (
        "a learning rate too high, a batch much smaller than `num_prototypes`, "
        "an `epsilon` too high, weights that became NaN"
    )

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        num_prototypes: int = 512,
        frozen_steps: int = 0,
        queue_size: int | None = None,
        queue_start: int = 0,
        **kwargs: Any,
    ):
        super().__init__(
            encoder,
            projector,
            swav_augmenter(encoder) if augmenter is None else augmenter,
            probe,
            num_classes,
            num_prototypes,
            frozen_steps,
            **kwargs,
        )
        self.queue_start = check_int("queue_start", queue_start, 0)
        self.queue = None
        if queue_size is not None:
            queue_size = check_positive_int("queue_size", queue_size)
            # The z of both global views, side by side.
            dim = NUM_GLOBAL * self.projection_dim
            self.queue = FeatureQueue(queue_size, dim)

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        scores = embeddings["scores"]
        of_queue = {} if self.queue is None else self._scores_of_queue(scores)
        return self.loss(
            scores[:, :NUM_GLOBAL],
            scores,
            sample_weight=sample_weight,
            **of_queue,
        )

    def _scores_of_queue(self, scores):
        check_takes_queue(self.loss, "queue_scores", "SwAVLoss")
        steps = ops.convert_to_tensor(self.optimizer.iterations)
        batch = ops.shape(scores)[0] * distribution.num_replicas()
        # Compares steps, since the number of images can overflow 32 bits.
        steps_to_fill = -(-self.queue.size // batch)
        is_full = steps >= ops.cast(steps_to_fill, steps.dtype)
        views = ops.split(self.queue.features, NUM_GLOBAL, axis=1)
        return {
            "queue_scores": ops.stack(list(map(self.prototypes, views)), 1),
            "queue_is_used": ops.logical_and(
                is_full, steps >= self.queue_start
            ),
        }

    def after_update(self, embeddings: Any, targets: Any) -> None:
        if self.queue is not None:
            z = map(l2_normalize, embeddings["pair"])
            self.queue.enqueue(ops.concatenate(list(z), axis=1))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "queue_size": None if self.queue is None else self.queue.size,
            "queue_start": self.queue_start,
        }
