"""Large and small crops of each example."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_contrastive.layers.multi_view import MultiView
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MultiCrop(keras.layers.Layer):
    """Makes global views of each image and several small local views.

    A local view is a crop of a small part of the image at a low resolution,
    which costs little to encode. Losses compare all views only with the global
    ones. `dino_augmentation` and `swav_augmentation` build this layer with the
    papers' settings.

    Args:
        global_augmenter: Keras layer that makes two global views, or a list
            with one layer for each global view.
        local_augmenter: Keras layer that makes all local views.
        num_local: Int, number of local views. Defaults to 6.

    Call arguments:
        examples: The inputs of the augmenters: a batch or one example.
        training: Boolean, passed to the augmenters. Default `True`.

    Returns:
        List of tensors: the global views, then the `num_local` local views.

    Raises:
        ValueError: If an augmenter is not a layer, or `num_local` is smaller
            than 1.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    views = kc.layers.MultiCrop(
        kc.layers.RandomResizedCrop(32, 32, scale=(0.4, 1.0)),
        kc.layers.RandomResizedCrop(16, 16, scale=(0.05, 0.4)),
        num_local=4,
    )(np.random.rand(4, 32, 32, 3))
    print([view.shape[1] for view in views])  # 32, 32, 16, 16, 16, 16
    ```

    Reference:
        Caron et al., 2020, Unsupervised Learning of Visual Features by
        Contrasting Cluster Assignments, section 3.2.
    """

    def __init__(
        self,
        global_augmenter: keras.layers.Layer | Sequence[keras.layers.Layer],
        local_augmenter: keras.layers.Layer,
        num_local: int = 6,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        # As in `MultiView`: the augmenters receive the inputs unchanged.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        check_layer("local_augmenter", local_augmenter)
        self.global_views = MultiView(global_augmenter)
        self.num_local = check_positive_int("num_local", num_local)
        self.local_views = MultiView(local_augmenter, self.num_local)
        # Only the augmenters have anything to build, and they build themselves.
        self.built = True

    @property
    def num_global(self) -> int:
        """The number of global views, which come first."""
        return self.global_views.num_views

    @property
    def num_views(self) -> int:
        return self.num_global + self.num_local

    @property
    def augmenters(self) -> list:
        """The augmenters of the global views, then that of the local views."""
        return self.global_views.augmenters + self.local_views.augmenters

    def prepare(self, examples: Any) -> Any:
        """The examples after the first augmenter with `training=False`."""
        self.local_views.prepare(examples)  # builds it
        return self.global_views.prepare(examples)

    def call(self, examples: Any, training: bool = True) -> Any:
        return [
            *self.global_views(examples, training=training),
            *self.local_views(examples, training=training),
        ]

    @property
    def draws_first(self) -> bool:
        """Whether `draw_transformations` and `transform` replace a call."""
        return self.global_views.draws_first and self.local_views.draws_first

    def draw_transformations(self, examples: Any) -> list[Any]:
        """Draws everything a call draws, as `MultiView` does."""
        return [
            *self.global_views.draw_transformations(examples),
            *self.local_views.draw_transformations(examples),
        ]

    def transform(self, examples: Any, transformations: Any) -> Any:
        """Like a call on rows of a batch, with the same rows of its draws."""
        count = self.num_global
        return [
            *self.global_views.transform(examples, transformations[:count]),
            *self.local_views.transform(examples, transformations[count:]),
        ]

    def compute_output_spec(self, examples: Any, training: bool = True) -> Any:
        return [
            *self.global_views.compute_output_spec(examples),
            *self.local_views.compute_output_spec(examples),
        ]

    def compute_output_shape(self, input_shape: Any) -> Any:
        specs = self.compute_output_spec(keras.KerasTensor(input_shape))
        return [spec.shape for spec in specs]

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "global_augmenter": serialize(self.global_views.augmenter),
            "local_augmenter": serialize(self.local_views.augmenter),
            "num_local": self.num_local,
        }

    @classmethod
    def from_config(cls, config: dict) -> Any:
        restored = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("global_augmenter", "local_augmenter")
        }
        return cls(**{**config, **restored})
