from typing import Any

import keras

from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.losses.negative_cosine_similarity import (
    NegativeCosineSimilarity,
)
from keras_contrastive.models.teacher_model import TeacherModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BYOLModel(TeacherModel):
    """BYOL: a network predicts what a slow copy of itself sees.

    The online network turns a view into `h = encoder(x)`, `z = projector(h)`
    and `p = predictor(z)`. The teacher (the paper's target network), a momentum
    copy of encoder and projector, turns it into `t`. Each view predicts the
    teacher's embedding of the other:

    `1/2 D(p_1, t_2) + 1/2 D(p_2, t_1)`

    with `D` minus the cosine similarity. If this loss is `l`, the paper's is
    `4 + 4 l`. There are no negatives. The predictor together with the slow
    teacher keeps the embeddings from collapsing, and in practice the BatchNorms
    of the heads do, so use BatchNorm in your own heads too. The loss does not
    reveal a collapse; `fit` watches the spread of z and warns.

    Once per step, after the optimizer, the teacher moves toward the updated
    weights: `t = m t + (1 - m) s`. It starts as a copy. If you load new weights
    into `encoder`, call
    `model.teacher.copy_weights(model.encoder, model.projector)`. With
    `total_steps`, the momentum `m` rises to 1 along half a cosine. The
    teacher's BatchNorms normalize by the batch that they receive, and have
    their own moving statistics.

    With `microbatch_size`, the gradient is that of the whole batch, but the
    batch statistics are those of a microbatch: keep it large enough for a
    BatchNorm, 32 or more.

    Args:
        encoder: Keras model or layer, as in `SimCLRModel`, with a known output
            shape and a `get_config`, which is used to copy it.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to `ProjectionHead(2 * dim, 256)`, the paper's for a ResNet-50.
        augmenter: As in `SimCLRModel`. The paper's views are not symmetric: one
            is always blurred, the other sometimes solarized.
            `layers.byol_augmentation` makes them.
        probe: As in `SimCLRModel`.
        num_classes: As in `SimCLRModel`.
        predictor: Layer from z to p, of the same width. Defaults to
            `ProjectionHead(2 * dim, projection_dim)`.
        momentum: Float in [0, 1], the teacher's momentum or its first value.
            Defaults to 0.99, for some hundred epochs; the paper uses 0.996 for
            1000.
        total_steps: Int, the number of steps until the momentum is 1, usually
            those of the whole training, as in the paper. `None`, the default,
            keeps it constant.
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
            shape or has no config, `momentum` is not in [0, 1], or
            `total_steps` is not a positive integer.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    encoder = kc.models.ConvNet(16, 3, (32, 32, 3))
    model = kc.BYOLModel(encoder, total_steps=2)
    model.compile()
    model.fit(images, batch_size=32, verbose=0)
    print(model.predict(images, verbose=0).shape)
    ```

    Reference:
        Grill et al., 2020, Bootstrap Your Own Latent: A New Approach to
        Self-Supervised Learning, section 3.
    """

    named_losses = {"negative_cosine": NegativeCosineSimilarity}
    collapse_causes = (
        "heads without BatchNorm, a predictor that is left out or too weak, a "
        "teacher momentum too low, a learning rate too high, weights that "
        "became NaN"
    )

    def default_projector(self, dim: int) -> keras.Layer:
        return ProjectionHead(2 * dim, 256, dtype=self.dtype_policy)

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        (p_a, p_b), (t_a, t_b) = embeddings["predictions"], targets
        loss = self.loss(p_a, t_b, sample_weight=sample_weight)
        loss = loss + self.loss(p_b, t_a, sample_weight=sample_weight)
        return loss / 2
