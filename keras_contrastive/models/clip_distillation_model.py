from collections.abc import Callable
from typing import Any

import keras

from keras_contrastive.data_validation import value_range_of
from keras_contrastive.losses.clip_distillation_loss import CLIPDistillationLoss
from keras_contrastive.models.captions import over_captions
from keras_contrastive.models.captions import pairs_of_captions
from keras_contrastive.models.clip_model import CLIPModel
from keras_contrastive.models.frozen_teacher import shared_clip
from keras_contrastive.models.frozen_teacher import trainable_but_the_teacher

_TARGETS = ("teacher_image_embeddings", "teacher_text_embeddings")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CLIPDistillationModel(CLIPModel):
    """A small CLIP that learns from a larger one, on images with texts.

    The student is a `CLIPModel` that is trained with the sum

    `(1 - w) CLIP(images, texts) + w KL(teacher || student)`

    whose second term is `losses.CLIPDistillationLoss`: for each image, the
    student's distribution over the texts of the batch should match the
    teacher's, and for each text its distribution over the images. Student and
    teacher may have embeddings of different dimensions. Everything else is as
    in `CLIPModel`: data, `predict`, zero-shot classification, retrieval and
    checkpoints.

    The teacher sees the same augmented images as the student, resized by its
    own augmenter, and reads the same tokens. It is frozen (its `trainable`
    becomes `False`), runs once per step in inference mode, and is saved in the
    model's files; `clip_model()` is the student alone.

    If the teacher has another tokenizer, or should run only once, pass
    `teacher=None` and add its embeddings to the data, as
    `"teacher_image_embeddings"` and `"teacher_text_embeddings"` of shape
    `(batch, teacher_dim)`, the latter `(batch, captions, teacher_dim)` for
    several captions of an image.

    Args:
        image_encoder: As in `CLIPModel`, the student's.
        text_encoder: As in `CLIPModel`, the student's.
        projection_dim: As in `CLIPModel`.
        augmenter: As in `CLIPModel`.
        logit_scale: As in `CLIPModel`.
        tokenizer: As in `CLIPModel`.
        teacher: A `CLIPModel`, or `None` for embeddings that come with the
            data.
        teacher_temperature: Positive number, the temperature of the teacher's
            distributions. Defaults to the teacher's own, and without a teacher
            to 0.01, that of most published CLIPs.
        distillation_weight: Number `w` in [0, 1]. Defaults to 0.7.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: As in `CLIPModel`.
        training: Whether the encoders run in training mode.

    Returns:
        The student's outputs, as in `CLIPModel`.

    The logs are those of `CLIPModel`, where `loss` is the sum, and its two
    weighted terms, `clip_loss` and `distillation_loss`.

    Raises:
        ValueError: As `CLIPModel`; if `teacher` is not a built `CLIPModel`, or
            takes images in another range than the student; if
            `distillation_weight` is not in [0, 1]; if the data has teacher
            embeddings and the model has a teacher, or if both are missing.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = kc.datasets.shapes(16, image_size=32).images
    tokens = np.tile([1, 2, 3, 4], (16, 1))
    tokens[:, 1] = np.arange(16) + 5
    teacher = kc.CLIPModel(  # yours: trained, or from_checkpoint
        kc.models.ConvNet(16, 3, (32, 32, 3)),
        kc.models.BagOfWords(vocabulary_size=32, width=32),
        projection_dim=32,
    )
    teacher.build_from_encoders()
    model = kc.CLIPDistillationModel(
        kc.models.ConvNet(4, 2, (32, 32, 3)),
        kc.models.BagOfWords(vocabulary_size=32, width=8),
        projection_dim=8,
        teacher=teacher,
    )
    model.compile()
    model.fit({"images": images, "texts": tokens}, batch_size=8, verbose=0)
    small = model.clip_model()
    print(small.encode_text(tokens[:2]).shape)  # (2, 8)
    ```

    Reference:
        Vasu et al., 2024, MobileCLIP: Fast Image-Text Models through
        Multi-Modal Reinforced Training, section 4.1; Yang et al., 2024,
        CLIP-KD: An Empirical Study of CLIP Model Distillation; Wu et al., 2023,
        TinyCLIP: CLIP Distillation via Affinity Mimicking and Weight
        Inheritance.
    """

    parts = (*CLIPModel.parts, "teacher")
    trainable = trainable_but_the_teacher

    def __init__(
        self,
        image_encoder: keras.Layer,
        text_encoder: keras.Layer,
        projection_dim: int | None = 512,
        augmenter: Any = None,
        logit_scale: Any = None,
        tokenizer: Callable | None = None,
        teacher: CLIPModel | None = None,
        teacher_temperature: float | None = None,
        distillation_weight: float = 0.7,
        **kwargs: Any,
    ):
        super().__init__(
            image_encoder,
            text_encoder,
            projection_dim,
            augmenter,
            logit_scale,
            tokenizer,
            **kwargs,
        )
        if not 0 <= distillation_weight <= 1:
            raise ValueError(
                "`distillation_weight` must be in [0, 1]. Received: "
                f"distillation_weight={distillation_weight}"
            )
        self.distillation_weight = float(distillation_weight)
        self.teacher_temperature = teacher_temperature
        self.distillation_loss = (
            CLIPDistillationLoss()
            if teacher_temperature is None
            else CLIPDistillationLoss(teacher_temperature=teacher_temperature)
        )
        self.teacher: Any = None
        if teacher is not None:
            _check_teacher(teacher, self.value_range)
            # A copy without the optimizer of the teacher's training.
            self.teacher = shared_clip(teacher)
            self.teacher.trainable = False

    def clip_model(self) -> CLIPModel:
        """The student as a plain `CLIPModel`, for use without the teacher.

        Returns:
            A `CLIPModel`, not compiled. It shares the weights.
        """
        return shared_clip(self)

    @property
    def optional_names(self) -> tuple[str, ...]:
        return (*super().optional_names, *_TARGETS)

    @property
    def loss_names(self) -> tuple[str, ...]:
        return ("clip_loss", "distillation_loss")

    def unpack_data(self, data: Any) -> Any:
        inputs, y, sample_weight = super().unpack_data(data)
        found = [name for name in _TARGETS if name in inputs]
        expected = [] if self.teacher is not None else list(_TARGETS)
        if found != expected:
            has = "no teacher" if self.teacher is None else "a teacher"
            must = "come with" if self.teacher is None else "not have"
            raise ValueError(
                f"The data of a model with {has} must {must} {_TARGETS[0]!r} "
                f"and {_TARGETS[1]!r}. Received: {sorted(inputs)}"
            )
        return inputs, y, sample_weight

    def embed_targets(self, views: Any, training: bool) -> Any:
        if self.teacher is None:
            return {"pair": tuple(views[name] for name in _TARGETS)}
        teacher = self.teacher
        images = teacher.augmenter(views["images"], training=False)
        texts = over_captions(
            lambda texts: teacher.text_tower(texts, training=False),
            views["texts"],
        )
        return {"pair": (teacher.image_tower(images, training=False), texts)}

    def compute_losses(
        self,
        embeddings: Any,
        targets: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> dict[str, Any]:
        losses = super().compute_losses(
            embeddings, targets, y, sample_weight, training
        )
        images, texts = embeddings["pair"]
        of_images, of_texts = targets["pair"]
        if len(texts.shape) == 3:
            images, texts, _, sample_weight = pairs_of_captions(
                images, texts, None, sample_weight
            )
            of_images, of_texts, *_ = pairs_of_captions(
                of_images, of_texts, None, None
            )
        own = self.teacher is not None and self.teacher_temperature is None
        distillation = self.distillation_loss(
            images,
            texts,
            of_images,
            of_texts,
            logit_scale=self.logit_scale.scale,
            teacher_logit_scale=self.teacher.logit_scale.scale if own else None,
            sample_weight=sample_weight,
        )
        weight = self.distillation_weight
        return {
            "clip_loss": (1 - weight) * losses["loss"],
            "distillation_loss": weight * distillation,
        }

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "teacher": keras.saving.serialize_keras_object(self.teacher),
            "teacher_temperature": self.teacher_temperature,
            "distillation_weight": self.distillation_weight,
        }


def _check_teacher(teacher, value_range):
    if not isinstance(teacher, CLIPModel) or not all(
        tower.built and tower.encoder_output_shape
        for tower in (teacher.image_tower, teacher.text_tower)
    ):
        raise ValueError(
            "`teacher` must be a CLIPModel that is built (trained, loaded, or "
            "after its `build_from_encoders()`), with encoders that know their "
            "output shape. For another teacher, pass its embeddings with the "
            f"data. Received: teacher={teacher!r}"
        )
    found = value_range_of(teacher.augmenter)
    if None not in (found, value_range) and found != value_range:
        raise ValueError(
            "`teacher` must take images in the `value_range` of the student's "
            f"augmenter, {value_range}. Received: {found}"
        )
