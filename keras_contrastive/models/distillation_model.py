from typing import Any

import keras

from keras_contrastive.data_validation import check_representation
from keras_contrastive.data_validation import representation_shape
from keras_contrastive.layers.multi_view import as_multi_view
from keras_contrastive.losses.clip_loss import CLIPLoss
from keras_contrastive.losses.negative_cosine_similarity import (
    NegativeCosineSimilarity,
)
from keras_contrastive.models.frozen_teacher import trainable_but_the_teacher
from keras_contrastive.models.joint_embedding_model import JointEmbeddingModel
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_positive_int

_KEYS = {"inputs", "targets"}


@keras.saving.register_keras_serializable(package="keras_contrastive")
class DistillationModel(JointEmbeddingModel):
    """Trains an encoder to reproduce the embeddings of a frozen teacher.

    The student, `z = projector(encoder(x))`, and the teacher, `t = teacher(x)`,
    see the same augmented view of each image. No labels are needed. The loss
    draws `z` to `t`:

    | `compile(loss=...)` | loss |
    |---|---|
    | `"negative_cosine"` | minus the cosine of z and t, the default |
    | `"mse"` | the mean of `(z - t) ** 2`, for teachers whose norms matter |
    | `"clip"` | each z finds its own t among those of the batch, and t its z |

    The teacher may be any Keras model from images to vectors: a pooled backbone
    of keras-hub or `keras.applications`, an encoder trained by another method,
    or the image tower of a CLIP. A student of that tower works with the text
    embeddings of the same CLIP, and `embedding_model` returns it as a smaller
    image tower.

    The teacher is frozen (its `trainable` becomes `False`), runs once per step
    in inference mode, and is saved in the model's files. Without augmentation
    (`augmenter=keras.layers.Identity()`) its embeddings never change: compute
    them once and pass them as data, with `teacher=None`. With augmentation,
    student and teacher see the same view, which works better than a cached
    target of the whole image (Beyer et al.).

    Args:
        encoder: The student, a Keras model or layer, as in `SimCLRModel`.
        projector: Layer from the student's representation to vectors as wide
            as the teacher's. Defaults to a Dense layer.
        augmenter: As in `SimCLRModel`; makes one view.
        probe: As in `SimCLRModel`.
        num_classes: As in `SimCLRModel`.
        teacher: Keras model or layer, from the augmenter's outputs to vectors
            `(batch, teacher_dim)`. If it needs another image size or range, put
            `keras.layers.Resizing` and `keras.layers.Rescaling` before it.
            `None` if the data holds the teacher's embeddings.
        teacher_dim: Int, width of the teacher's vectors. Required if the
            teacher's output shape is not known.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images or other inputs of the augmenter, as in `SimCLRModel`.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h of the student, float tensor of shape
        `(batch, dim)`.

    With a teacher, `fit` and `evaluate` take images, or images and labels.
    Without one, they take `{"inputs": images, "targets": embeddings}`, or this
    dict and labels. The logs hold `loss`, `contrastive_accuracy` of z and t,
    and with a probe `probe_loss` and `probe_accuracy`.

    Raises:
        ValueError: As `SimCLRModel`; if the width of the teacher's vectors is
            neither known nor given as `teacher_dim`; if the data has targets
            and the model has a teacher, or if both are missing.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    teacher = kc.models.ConvNet(16, 3, (32, 32, 3))  # yours: a trained one
    student = kc.models.ConvNet(4, 2, (32, 32, 3))
    model = kc.DistillationModel(student, teacher=teacher)
    model.compile(loss="negative_cosine")
    model.fit(images, batch_size=32, verbose=0)
    print(model.embedding_model()(images).shape)  # (64, 128), as the teacher's
    ```

    Reference:
        Hinton et al., 2015, Distilling the Knowledge in a Neural Network; Yang
        et al., 2024, CLIP-KD: An Empirical Study of CLIP Model Distillation,
        for features as targets; Beyer et al., 2022, Knowledge Distillation: A
        Good Teacher Is Patient and Consistent; Tian et al., 2020, Contrastive
        Representation Distillation.
    """

    named_losses = {
        "negative_cosine": NegativeCosineSimilarity,
        "mse": keras.losses.MeanSquaredError,
        "clip": CLIPLoss,
    }
    parts = (*JointEmbeddingModel.parts, "teacher")
    trainable = trainable_but_the_teacher
    collapse_causes = (
        "a teacher that gives all images nearly the same embedding, images "
        "outside of its range, a learning rate too high, weights that became "
        "NaN"
    )

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        teacher: keras.Layer | None = None,
        teacher_dim: int | None = None,
        **kwargs: Any,
    ):
        if teacher is not None:
            check_layer("teacher", teacher)
        self._teacher_dim = _dim_of(teacher, teacher_dim)
        super().__init__(
            encoder, projector, augmenter, probe, num_classes, **kwargs
        )
        if teacher is not None:
            teacher.trainable = False
        self.teacher = teacher

    def default_projector(self, dim: int) -> keras.Layer:
        return keras.layers.Dense(
            self._teacher_dim, name="projector", dtype=self.dtype_policy
        )

    def make_multi_view(self, augmenter: Any) -> keras.Layer:
        return as_multi_view(augmenter, 1)

    def embedding_model(self) -> keras.Model:
        """The student as a model from images to vectors like the teacher's.

        Returns:
            A `keras.Sequential` model from the augmenter's outputs to vectors
            as wide as the teacher's. It shares the weights.
        """
        return keras.Sequential(
            [self.encoder, self.projector], name="embedding"
        )

    # Data with or without the embeddings of a teacher.

    def _split(self, x):
        """The inputs, and the teacher's embeddings or `None`."""
        if _has_targets(x):
            if self.teacher is not None:
                raise ValueError(
                    "The data must come without targets for a model with a "
                    f"teacher. Received: {sorted(x)}; pass teacher=None to use "
                    "these"
                )
            return x["inputs"], x["targets"]
        if self.teacher is None:
            keys = sorted(x) if isinstance(x, dict) else type(x).__name__
            raise ValueError(
                'The data must be {"inputs": ..., "targets": ...} for a model '
                f"with teacher=None. Received: {keys}"
            )
        return x, None

    def _is_views(self, x):
        return False  # a tuple is not a pair of views: the model makes one

    def make_views(self, x: Any, training: bool) -> Any:
        x, targets = self._split(x)
        if training:
            (view,) = super().make_views(x, training)
        else:
            # Evaluation compares the embeddings of images without augmentation.
            view = self._prepare(self._watch(x, training))
            self._check_channels([view])
        return _with_targets(view, targets)

    def draw_views(self, x: Any) -> Any:
        x, targets = self._split(x)
        return _with_targets(super().draw_views(x), targets)

    def finish_views(self, drawn: Any) -> Any:
        (view,) = super().finish_views(drawn["view"])
        return _with_targets(view, drawn.get("targets"))

    def embed_targets(self, views: Any, training: bool) -> Any:
        if self.teacher is None:
            targets = views["targets"]
        else:
            targets = self.teacher(views["view"], training=False)
        check_representation(targets, "teacher")
        if targets.shape[1] != self._teacher_dim:
            raise ValueError(
                f"`teacher_dim` must be the width of the teacher's vectors, "
                f"{targets.shape[1]}. Received: {self._teacher_dim}"
            )
        return targets

    def embed(self, views: Any, training: bool) -> Any:
        h, z = self.encode_views([views["view"]], training)
        return {"prediction": z, "representations": [h]}

    def metric_inputs(self, embeddings: Any, targets: Any) -> tuple:
        return embeddings["prediction"], targets

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        z = embeddings["prediction"]
        targets = keras.ops.cast(keras.ops.stop_gradient(targets), z.dtype)
        return self.loss(z, targets, sample_weight=sample_weight)

    def inspect(self, data: Any) -> None:
        x, y, sample_weight = self.unpack_data(data)
        super().inspect((_inputs_of(x), y, sample_weight))

    def named_parts(self, x: Any, y: Any) -> dict[str, Any]:
        parts = super().named_parts(_inputs_of(x), y)
        return {**parts, "targets": x["targets"]} if _has_targets(x) else parts

    def build(self, input_shape: Any) -> None:
        super().build(_inputs_of(input_shape))

    def call(self, x: Any, training: bool = False) -> Any:
        return super().call(_inputs_of(x), training=training)

    def build_heads(self, h: Any) -> None:
        super().build_heads(h)
        width = self.projector(h).shape[-1]
        if width != self._teacher_dim:
            raise ValueError(
                "`projector` must give vectors as wide as the teacher's, "
                f"{self._teacher_dim}. Received: {width}"
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "teacher": keras.saving.serialize_keras_object(self.teacher),
            "teacher_dim": self._teacher_dim,
        }


def _has_targets(x):
    """Whether data, or their shapes, hold the embeddings of a teacher."""
    return isinstance(x, dict) and set(x) == _KEYS


def _inputs_of(x):
    """The inputs in the data of `fit` or in those of `predict`."""
    is_named = isinstance(x, dict) and set(x) in (_KEYS, {"inputs"})
    return x["inputs"] if is_named else x


def _with_targets(view, targets):
    return (
        {"view": view}
        if targets is None
        else {
            "view": view,
            "targets": targets,
        }
    )


def _dim_of(teacher, teacher_dim):
    """The width of the teacher's vectors."""
    if teacher_dim is not None:
        return check_positive_int("teacher_dim", teacher_dim)
    shape = representation_shape(teacher, "teacher")
    if shape is None:
        raise ValueError(
            "`teacher_dim` can only be left out for a teacher whose output "
            f"shape is known. Received: teacher_dim=None, teacher={teacher!r}"
        )
    return shape[-1]
