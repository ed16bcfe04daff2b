from typing import Any

import keras
from keras import ops

from keras_contrastive.data_validation import known_shape
from keras_contrastive.layers.center import Center
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    dino_augmenter,
)
from keras_contrastive.layers.momentum_encoder import MomentumEncoder
from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.losses.dino_loss import DINOLoss
from keras_contrastive.models.prototype_model import NUM_GLOBAL
from keras_contrastive.models.prototype_model import PrototypeModel
from keras_contrastive.trainer.accumulated_steps import has_updated
from keras_contrastive.trainer.accumulated_steps import steps_per_update
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DINOModel(PrototypeModel):
    """DINO: self-distillation without labels or negatives.

    The student turns a view into `h = encoder(x)`, `z = projector(h)` and `s`,
    the cosine similarities of z with learned prototypes (the weight-normalized
    last layer of DINO's head). The teacher, a momentum copy of all three, sees
    only the two global views. For each of them, the student's output for every
    other view, global or local, must match the teacher's output, which is
    centered and sharpened: `losses.DINOLoss` has the formula.

    Once per step, after the optimizer, the teacher moves toward the student,
    `t = m t + (1 - m) s`, and the center toward the mean of the teacher's
    outputs over the global batch. With `total_steps`, the momentum `m` rises to
    1 along half a cosine. The teacher's BatchNorms normalize by the batch that
    they receive. The teacher starts as a copy. If you load new weights into
    `encoder`, call `model.teacher.copy_weights(model.student)`.

    A `layers.MultiCrop` makes local views in addition to the two global views,
    which improves DINO considerably. Views of one size are encoded as one
    batch. With `microbatch_size`, batch statistics are those of a microbatch.

    Args:
        encoder: Keras model or layer, as in `SimCLRModel`, with known input and
            output shapes and a `get_config`, which is used to copy it. For
            local views of another size, it must take images of any size, such
            as a `models.ResNet18` of `input_shape=(None, None, 3)`.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to three layers, `2 dim` wide, with an output of 256. The paper's
            layers are 2048 wide, with GELU instead of ReLU.
        augmenter: A `layers.MultiCrop` with two global views, such as that of
            `dino_augmentation`, or as in `SimCLRModel`. Defaults to the global
            views of `dino_augmentation` for the size that the encoder takes.
        probe: As in `SimCLRModel`. It learns from the global views.
        num_classes: As in `SimCLRModel`.
        num_prototypes: Int, dimension of the outputs. Defaults to 2,048; the
            paper uses 65,536 for ImageNet.
        frozen_steps: Int, the number of steps at the start in which the
            prototypes are not trained. Defaults to 0; the paper uses one epoch,
            and more if the loss does not fall.
        momentum: Float in [0, 1], the teacher's momentum or its first value.
            Defaults to 0.996, the paper's; use 0.99 for short runs.
        total_steps: Int, the number of steps until the momentum is 1, usually
            those of the whole training, as in the paper. `None`, the default,
            keeps it constant.
        center_momentum: Float in [0, 1], the momentum of the center. Defaults
            to 0.9.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images as in `SimCLRModel`, resized to the size of a global view.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h of the student, float tensor of shape
        `(batch, dim)`. (The teacher's encoder,
        `model.teacher.encoder.layers[0]`, is often better in long runs.)

    `fit` and `evaluate` take the data that those of `SimCLRModel` take. The
    logs hold `loss`, `contrastive_accuracy` (how often the z of the other
    global view is the most similar in the batch, which the loss does not
    optimize), and with a probe `probe_loss` and `probe_accuracy`. A loss that
    stays at `ln(num_prototypes)` means that all outputs are uniform. `compile`
    takes `loss="dino"`, a `losses.DINOLoss` with other temperatures, or a loss
    that is called as `loss(teacher, student, center=..., step=...)`.

    Raises:
        ValueError: As `SimCLRModel`, or if the encoder does not know its shapes
            or has no config, does not take the local views, or an argument is
            out of range.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    encoder = kc.models.ConvNet(16, 3, (None, None, 3))
    crops = kc.layers.dino_augmentation("cifar10", 32, 32, num_local=2)
    model = kc.DINOModel(encoder, augmenter=crops, num_prototypes=64)
    model.compile(
        loss=kc.losses.DINOLoss(
            teacher_temperature=(0.04, 0.07), warmup_steps=100
        )
    )
    model.fit(images, batch_size=32, verbose=0)
    print(model.predict(images, verbose=0).shape)
    ```

    Reference:
        Caron et al., 2021, Emerging Properties in Self-Supervised Vision
        Transformers, section 3.
    """

    named_losses = {"dino": DINOLoss}
    collapse_causes = (
        "a teacher temperature too high or without warm-up, a teacher momentum "
        "too low, a learning rate too high, weights that became NaN"
    )

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        num_prototypes: int = 2048,
        frozen_steps: int = 0,
        momentum: float = 0.996,
        total_steps: int | None = None,
        center_momentum: float = 0.9,
        **kwargs: Any,
    ):
        super().__init__(
            encoder,
            projector,
            dino_augmenter(encoder) if augmenter is None else augmenter,
            probe,
            num_classes,
            num_prototypes,
            frozen_steps,
            **kwargs,
        )
        input_shape = known_shape(encoder, "input_shape")
        if input_shape is None:
            raise ValueError(
                "`encoder` must have one input, of a known shape: begin it "
                f"with one keras.Input. Received: encoder={encoder!r}"
            )
        self.student = keras.Sequential(
            [
                keras.Input(input_shape[1:]),
                self.encoder,
                self.projector,
                self.prototypes,
            ],
            name="student",
        )
        self.teacher = MomentumEncoder(
            self.student, momentum, total_steps, name="teacher"
        )
        center_momentum = check_probability("center_momentum", center_momentum)
        self.center = Center(num_prototypes, center_momentum)

    def default_projector(self, dim: int) -> keras.Layer:
        return ProjectionHead(
            2 * dim,
            256,
            num_layers=3,
            output_batch_norm=False,
            dtype=self.dtype_policy,
        )

    def after_compile(self) -> None:
        self.teacher.follow_trainable(self.student)

    def embed_targets(self, views: Any, training: bool) -> Any:
        together = ops.concatenate(views[:NUM_GLOBAL], axis=0)
        outputs = self.teacher(together, training=training)
        return ops.stack(ops.split(outputs, NUM_GLOBAL, axis=0), axis=1)

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        return self.loss(
            targets,
            embeddings["scores"],
            sample_weight=sample_weight,
            center=self.center.value,
            step=self.optimizer.iterations,
        )

    def after_update(self, embeddings: Any, targets: Any) -> None:
        self.teacher.update(self.student, has_updated(self.optimizer))
        self.center.update(targets, steps_per_update(self.optimizer))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.teacher.momentum,
            "total_steps": self.teacher.total_steps,
            "center_momentum": self.center.momentum,
        }
