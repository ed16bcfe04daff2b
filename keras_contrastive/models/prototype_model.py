import itertools
from typing import Any

import keras
from keras import ops

from keras_contrastive.data_validation import known_shape
from keras_contrastive.layers.multi_crop import MultiCrop
from keras_contrastive.layers.prototypes import Prototypes
from keras_contrastive.models.joint_embedding_model import JointEmbeddingModel
from keras_contrastive.validation import check_int

# The number of global views, which come first.
NUM_GLOBAL = 2


class PrototypeModel(JointEmbeddingModel):
    """Base of the methods that compare many crops by scores of prototypes.

    Prototypes follow the projector: `s = prototypes(z)`. One encoder encodes
    all views, global and local; views of one size form one batch. A method adds
    its losses.

    Args:
        encoder: As in `JointEmbeddingModel`. It must take all sizes of views.
        projector: As in `JointEmbeddingModel`.
        augmenter: A `MultiCrop`, or as in `JointEmbeddingModel`.
        probe: As in `JointEmbeddingModel`.
        num_classes: As in `JointEmbeddingModel`.
        num_prototypes: Int, number of prototypes.
        frozen_steps: Int, the number of steps at the start in which the
            prototypes are not trained.
        **kwargs: Arguments of `keras.Model`.
    """

    def __init__(
        self,
        encoder: keras.Layer,
        projector: keras.Layer | None,
        augmenter: Any,
        probe: keras.Layer | None,
        num_classes: int | None,
        num_prototypes: int,
        frozen_steps: int,
        **kwargs: Any,
    ):
        super().__init__(
            encoder, projector, augmenter, probe, num_classes, **kwargs
        )
        # Not in half precision, since the scores are divided by 0.1 or less.
        self.prototypes = Prototypes(num_prototypes, dtype="float32")
        self.frozen_steps = check_int("frozen_steps", frozen_steps, 0)
        self._check_sizes()

    @property
    def num_prototypes(self) -> int:
        """The number of prototypes."""
        return self.prototypes.num_prototypes

    def make_multi_view(self, augmenter: Any) -> keras.Layer:
        if not isinstance(augmenter, MultiCrop):
            return super().make_multi_view(augmenter)
        if augmenter.num_global != NUM_GLOBAL:
            raise ValueError(
                "`augmenter` must make 2 global views. Received: a MultiCrop "
                f"with num_global={augmenter.num_global}"
            )
        return augmenter

    def _check_sizes(self):
        """Raises if the encoder is known not to take the local views."""
        shape = known_shape(self.encoder, "input_shape")
        if not isinstance(self.multi_view, MultiCrop) or shape is None:
            return
        for size in self.multi_view.compute_output_shape(shape):
            if any(a != b for a, b in zip(size, shape, strict=True) if a and b):
                raise ValueError(
                    "`encoder` must take views of all sizes: build it for "
                    "images of any size, input_shape=(None, None, 3), or "
                    "make the local views as large as the global ones. "
                    f"Received: an encoder of inputs of shape {shape}, and "
                    f"views of shape {size}"
                )

    @property
    def augmenter(self) -> Any:
        """The augmenter of both views, a list of two, or the `MultiCrop`."""
        if isinstance(self.multi_view, MultiCrop):
            return self.multi_view
        return super().augmenter

    def embed(self, views: Any, training: bool) -> Any:
        h: list = []
        z: list = []
        for _, group in itertools.groupby(views, _size):
            views_of_size = list(group)
            encoded = self.encode_views(views_of_size, training)
            for parts, whole in zip((h, z), encoded, strict=True):
                parts.extend(ops.split(whole, len(views_of_size), axis=0))
        scores = self.prototypes(
            ops.concatenate(z, axis=0), frozen=self._is_frozen()
        )
        return {
            "pair": z[:NUM_GLOBAL],
            "representations": h[:NUM_GLOBAL],
            "scores": ops.stack(ops.split(scores, len(views), axis=0), axis=1),
        }

    def _is_frozen(self):
        if not self.frozen_steps:
            return False
        steps = ops.convert_to_tensor(self.optimizer.iterations)
        return steps < self.frozen_steps

    def build_heads(self, h: Any) -> None:
        super().build_heads(h)
        self.prototypes(self.projector(h))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_prototypes": self.num_prototypes,
            "frozen_steps": self.frozen_steps,
        }


def _size(view):
    """The shapes of the examples of a view, any structure of tensors."""
    return [tuple(x.shape[1:]) for x in keras.tree.flatten(view)]
