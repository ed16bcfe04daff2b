from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.teacher import Teacher
from keras_contrastive.models.joint_embedding_model import join_views
from keras_contrastive.models.predictor_model import PredictorModel


class TeacherModel(PredictorModel):
    """Base of the methods that predict the embeddings of a momentum teacher.

    Args:
        encoder: As in `PredictorModel`, and with a `get_config` to be copied
            by.
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

    def embed_targets(self, views: Any, training: bool) -> Any:
        targets = self.teacher(join_views(views), training=training)
        return ops.split(targets, len(views), axis=0)

    def after_update(self, embeddings: Any, targets: Any) -> None:
        self.teacher.update(self.encoder, self.projector)

    def build_heads(self, h: Any) -> None:
        super().build_heads(h)
        self.teacher.projector(h)
        self.teacher.copy_weights(self.encoder, self.projector)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "total_steps": self.total_steps,
        }
