from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.models.joint_embedding_model import JointEmbeddingModel
from keras_contrastive.validation import check_layer


class PredictorModel(JointEmbeddingModel):
    """Base of the methods that predict one view's embedding from the other.

    A predictor follows the projector: `p = predictor(z)`. A method adds its
    loss, and may override `default_predictor(dim, projection_dim)`.

    Args:
        encoder: As in `JointEmbeddingModel`.
        projector: As in `JointEmbeddingModel`.
        augmenter: As in `JointEmbeddingModel`.
        probe: As in `JointEmbeddingModel`.
        num_classes: As in `JointEmbeddingModel`.
        predictor: Layer `(batch, projection_dim)` to `(batch,
            projection_dim)`. Defaults to `default_predictor`.
        **kwargs: Arguments of `keras.Model`.
    """

    parts = (*JointEmbeddingModel.parts, "predictor")

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None = None,
        augmenter: Any = None,
        probe: keras.Layer | None = None,
        num_classes: int | None = None,
        predictor: keras.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            encoder, projector, augmenter, probe, num_classes, **kwargs
        )
        if predictor is None:
            dim = self._width("predictor")
            predictor = self.default_predictor(dim, self.projection_dim)
        check_layer("predictor", predictor)
        self.predictor = predictor

    def default_predictor(self, dim: int, projection_dim: int) -> keras.Layer:
        """The predictor for h of width `dim` and z of `projection_dim`."""
        return ProjectionHead(2 * dim, projection_dim, dtype=self.dtype_policy)

    def embed(self, views: Any, training: bool) -> Any:
        h, z = self.encode_views(views, training)
        p = self.predictor(z, training=training)
        names = {"representations": h, "pair": z, "predictions": p}
        return {
            name: ops.split(x, len(views), axis=0) for name, x in names.items()
        }

    def build_heads(self, h: Any) -> None:
        super().build_heads(h)
        self.predictor(self.projector(h))

    def get_config(self) -> dict[str, Any]:
        predictor = keras.saving.serialize_keras_object(self.predictor)
        return {**super().get_config(), "predictor": predictor}
