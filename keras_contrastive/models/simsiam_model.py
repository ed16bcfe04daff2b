from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.losses.negative_cosine_similarity import (
    NegativeCosineSimilarity,
)
from keras_contrastive.models.predictor_model import PredictorModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SimSiamModel(PredictorModel):
    """SimSiam: one network predicts one view from the other.

    Encoder and projector turn each of two views into `h = encoder(x)` and
    `z = projector(h)`, and a predictor into `p = predictor(z)`. The loss is

    `1/2 D(p_1, z_2) + 1/2 D(p_2, z_1)`

    with `D` minus the cosine similarity, without gradient to z. There are no
    negatives, no teacher and no queue, so a large batch is not necessary. The
    predictor together with the stopped gradient keeps the embeddings from
    collapsing, and in practice the BatchNorms of the heads do, so use BatchNorm
    in your own heads too. The loss does not reveal a collapse (a constant z has
    the lowest loss, -1); `fit` watches the spread of z and warns.

    Both views are encoded in one pass. With `microbatch_size`, the gradient is
    that of the whole batch, but the batch statistics are those of a microbatch:
    keep it large enough for a BatchNorm, 32 or more.

    Args:
        encoder: Keras model or layer, as in `SimCLRModel`, whose output shape
            is known.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to the paper's, `ProjectionHead(2048, 2048, num_layers=3)`.
        augmenter: As in `SimCLRModel`.
        probe: As in `SimCLRModel`.
        num_classes: As in `SimCLRModel`.
        predictor: Layer from z to p, of the same width. Defaults to the
            paper's, `ProjectionHead(projection_dim // 4, projection_dim)`: a
            bottleneck with BatchNorm only in its hidden layer.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images or other inputs of the augmenter, as in `SimCLRModel`.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    `fit` and `evaluate` take the data that those of `SimCLRModel` take. The
    logs hold `loss`, `contrastive_accuracy` (how often the z of the other view
    is the most similar in the batch, which the loss does not optimize), and
    with a probe `probe_loss` and `probe_accuracy`. `compile` takes
    `loss="negative_cosine"` or a loss that is called as
    `loss(predictions, targets)`.

    Raises:
        ValueError: As `SimCLRModel`, or if the encoder does not know its output
            shape.

    Example:

    ```python
    import keras
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    model = kc.SimSiamModel(
        kc.models.ConvNet(16, 3, (32, 32, 3)),
        kc.layers.ProjectionHead(64, 64, num_layers=3),
    )
    # The paper's rule: 0.05 for a batch of 256.
    rate = 0.05 * 32 / 256
    model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    model.fit(images, batch_size=32, verbose=0)
    print(model.predict(images, verbose=0).shape)
    ```

    Reference:
        Chen and He, 2021, Exploring Simple Siamese Representation Learning,
        section 3 and algorithm 1.
    """

    named_losses = {"negative_cosine": NegativeCosineSimilarity}
    collapse_causes = (
        "heads without BatchNorm, a predictor that is left out or too weak, "
        "targets that receive a gradient, a learning rate too high, weights "
        "that became NaN"
    )

    def default_projector(self, dim: int) -> keras.Layer:
        return ProjectionHead(2048, 2048, 3, dtype=self.dtype_policy)

    def default_predictor(self, dim: int, projection_dim: int) -> keras.Layer:
        hidden = max(projection_dim // 4, 1)
        return ProjectionHead(hidden, projection_dim, dtype=self.dtype_policy)

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        p_a, p_b = embeddings["predictions"]
        # Whatever the loss, it must not move the targets.
        z_a, z_b = map(ops.stop_gradient, embeddings["pair"])
        loss = self.loss(p_a, z_b, sample_weight=sample_weight)
        loss = loss + self.loss(p_b, z_a, sample_weight=sample_weight)
        return loss / 2
