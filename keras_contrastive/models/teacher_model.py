from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.momentum_encoder import MomentumEncoder
from keras_contrastive.models.joint_embedding_model import join_views
from keras_contrastive.models.predictor_model import PredictorModel
from keras_contrastive.trainer.accumulated_steps import has_updated


class TeacherModel(PredictorModel):
    """Base of the methods that predict the embeddings of a momentum teacher.

    Args:
        encoder: As in `PredictorModel`, and with a `get_config`, which is used
            to copy it.
        projector: As in `PredictorModel`.
        augmenter: As in `PredictorModel`.
        probe: As in `PredictorModel`.
        num_classes: As in `PredictorModel`.
        predictor: As in `PredictorModel`.
        momentum: As in `MomentumEncoder`.
        total_steps: As in `MomentumEncoder`.
        **kwargs: Arguments of `keras.Model`.
    """

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        predictor: keras.Layer | None = None,
        momentum: float = 0.99,
        total_steps: int | None = None,
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
        self.momentum = momentum
        self.total_steps = total_steps
        self.teacher = Teacher(
            self.encoder, self.projector, momentum, total_steps
        )

    def after_compile(self) -> None:
        self.teacher.follow_trainable(self.encoder, self.projector)

    def embed_targets(self, views: Any, training: bool) -> Any:
        targets = self.teacher(join_views(views), training=training)
        return ops.split(targets, len(views), axis=0)

    def after_update(self, embeddings: Any, targets: Any) -> None:
        is_due = has_updated(self.optimizer)
        self.teacher.update(self.encoder, self.projector, is_due)

    def build_heads(self, h: Any) -> None:
        super().build_heads(h)
        self.teacher.projector(h)
        # `summary` reads this. Both copies are built.
        self.teacher.built = True
        self.teacher.copy_weights(self.encoder, self.projector)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "total_steps": self.total_steps,
        }


class Teacher(keras.layers.Layer):
    """A momentum copy of an encoder and its projector.

    Args:
        encoder: Keras model or layer to copy.
        projector: Keras layer to copy, which follows the encoder.
        momentum: As in `MomentumEncoder`.
        total_steps: As in `MomentumEncoder`.

    Call arguments:
        inputs: The inputs of the encoder.
        training: Whether the copies run in training mode.

    Returns:
        The outputs of the projector's copy, without gradient.
    """

    def __init__(self, encoder, projector, momentum, total_steps):
        super().__init__(name="teacher")
        self.encoder, self.projector = (
            MomentumEncoder(source, momentum, total_steps)
            for source in (encoder, projector)
        )

    def call(self, inputs, training=False):
        h = self.encoder(inputs, training=training)
        return self.projector(h, training=training)

    def update(self, encoder, projector, is_due=True):
        """Moves the copies toward their sources, if `is_due`."""
        self.encoder.update(encoder, is_due)
        self.projector.update(projector, is_due)

    def follow_trainable(self, encoder, projector):
        """Sets `trainable` of all layers to that of the sources' layers."""
        self.encoder.follow_trainable(encoder)
        self.projector.follow_trainable(projector)

    def copy_weights(self, encoder, projector):
        """Sets all weights to those of the sources."""
        self.encoder.copy_weights(encoder)
        self.projector.copy_weights(projector)
