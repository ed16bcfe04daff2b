"""Several random views of each example."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive.layers.data_layer import as_array
from keras_contrastive.trainer.keras_internals import DynamicBackend
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MultiView(keras.layers.Layer):
    """Makes several views of each example, each with its own draws.

    An augmenter of this package sees all views as one batch, the concatenation
    of `[images, images, ...]`. It is traced once, and its random draws are
    independent between the images and between the views. Any other augmenter is
    called once per view. With a list, each view has its own augmenter, and
    views may differ in size.

    Args:
        augmenter: Keras layer that maps images or other examples to examples,
            such as a `keras.layers.Pipeline`; or a list of layers, one per
            view.
        num_views: Integer, number of views. `None` means 2 for one augmenter,
            and the length of a list, for which no other number is allowed.

    Call arguments:
        examples: The inputs of the augmenter: a batch or one example, a tensor
            or a structure of tensors.
        training: Boolean, passed to the augmenter. Default `True`.

    Returns:
        List of `num_views` tensors, the augmenter's outputs. Inside `tf.data`,
        which reads a list as one tensor, return `tuple(views(images))`.

    Raises:
        ValueError: `augmenter` is not a layer, or `num_views` is smaller than 1
            or not the length of the list.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    augmenter = kc.layers.simclr_augmentation("cifar10", 32, 32)
    images = np.random.rand(4, 32, 32, 3)
    first, second = kc.layers.MultiView(augmenter)(images)
    ```

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", section 2.1.
    """

    def __init__(
        self,
        augmenter: keras.layers.Layer | Sequence[keras.layers.Layer],
        num_views: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        # As in `keras.layers.Pipeline`: tensors of tf.data and integers reach
        # the augmenter unchanged.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        augmenters = _layers("augmenter", augmenter)
        is_list = isinstance(augmenter, (list, tuple))
        if num_views is None:
            num_views = len(augmenters) if is_list else 2
        num_views = check_positive_int("num_views", num_views)
        if is_list and num_views != len(augmenters):
            raise ValueError(
                "`num_views` must be the number of augmenters if `augmenter` "
                "is a list. Received: "
                f"num_views={num_views}, augmenter={augmenter}"
            )
        # A layer for all views, or a list of one for each view.
        self.augmenter: Any = augmenters if is_list else augmenter
        self.num_views = num_views
        # Only the augmenters have anything to build, and they build themselves.
        self.built = True

    def prepare(self, examples: Any) -> Any:
        """The examples after the first augmenter with `training=False`.

        It also builds the other augmenters, since a model that only predicts
        never calls them.
        """
        first, *others = self.augmenters
        for augmenter in others:
            if not augmenter.built:
                augmenter(examples, training=False)
        return first(examples, training=False)

    @property
    def augmenters(self) -> list:
        """The augmenters as a list: one for all views, or one per view."""
        if isinstance(self.augmenter, list):
            return self.augmenter
        return [self.augmenter]

    def call(self, examples: Any, training: bool = True) -> Any:
        if isinstance(self.augmenter, list):
            augmenters = self.augmenter
        elif example_rank_of(self.augmenter) is not None:
            return self._views_of_one_batch(examples, training)
        else:
            augmenters = [self.augmenter] * self.num_views
        return [
            augmenter(examples, training=training) for augmenter in augmenters
        ]

    def _views_of_one_batch(self, examples, training):
        examples = as_array(examples)
        library = _numpy_of(examples)
        is_one = len(examples.shape) == example_rank_of(self.augmenter)
        join = library.stack if is_one else library.concatenate
        views = self.augmenter(
            join([examples] * self.num_views, axis=0), training=training
        )
        if is_one:
            return [views[i] for i in range(self.num_views)]
        return _numpy_of(views).split(views, self.num_views, axis=0)

    @property
    def draws_first(self) -> bool:
        """Whether `draw_transformations` and `transform` replace a call."""
        augmenters = self.augmenter
        if not isinstance(augmenters, list):
            augmenters = [augmenters]
        return all(map(draws_first, augmenters))

    def draw_transformations(self, examples: Any) -> list[Any]:
        """Draws everything a call draws for a batch, before making views.

        Args:
            examples: A batch; only its shape matters.

        Returns:
            List of the views' transformations, each a structure of tensors
            with the batch as first axis.
        """
        if isinstance(self.augmenter, list):
            return [
                augmenter.draw_transformation(examples)
                for augmenter in self.augmenter
            ]
        # Draws for all views as one batch, as a call does.
        views = ops.broadcast_to(
            examples[None], (self.num_views, *ops.shape(examples))
        )
        views = ops.reshape(views, (-1, *ops.shape(examples)[1:]))
        drawn = self.augmenter.draw_transformation(views)
        split = [
            ops.split(x, self.num_views, axis=0)
            for x in keras.tree.flatten(drawn)
        ]
        return [
            keras.tree.pack_sequence_as(drawn, list(view))
            for view in zip(*split, strict=True)
        ]

    def transform(self, examples: Any, transformations: Any) -> Any:
        """Like a call on rows of a batch, with the same rows of its draws.

        Args:
            examples: Rows of the batch, a tensor.
            transformations: The same rows of `draw_transformations`' result.

        Returns:
            List of `num_views` tensors: the same rows of a call's result.
        """
        if isinstance(self.augmenter, list):
            return [
                augmenter.transform(examples, transformation)
                for augmenter, transformation in zip(
                    self.augmenter, transformations, strict=True
                )
            ]
        together = keras.tree.map_structure(
            lambda *views: ops.concatenate(views, axis=0), *transformations
        )
        examples = ops.concatenate([examples] * self.num_views, axis=0)
        views = self.augmenter.transform(examples, together)
        return ops.split(views, self.num_views, axis=0)

    def compute_output_spec(self, examples: Any, training: bool = True) -> Any:
        augmenters = self.augmenter
        if isinstance(augmenters, keras.layers.Layer):
            augmenters = [augmenters] * self.num_views
        return [
            augmenter.compute_output_spec(examples) for augmenter in augmenters
        ]

    def compute_output_shape(self, input_shape: Any) -> Any:
        specs = self.compute_output_spec(keras.KerasTensor(input_shape))
        return [spec.shape for spec in specs]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "augmenter": keras.saving.serialize_keras_object(self.augmenter),
            "num_views": self.num_views,
        }

    @classmethod
    def from_config(cls, config: dict) -> Any:
        augmenter = keras.saving.deserialize_keras_object(config["augmenter"])
        return cls(**{**config, "augmenter": augmenter})


def as_multi_view(
    augmenter: Any, num_views: int, argument: str = "augmenter"
) -> MultiView:
    """Returns a model's augmenter as a `MultiView` of `num_views` views.

    Args:
        augmenter: As in `MultiView`, or a `MultiView`.
        num_views: Integer, the number of views.
        argument: Name of the argument, for errors.

    Raises:
        ValueError: If it is a `MultiView` with another number of views.
    """
    if not isinstance(augmenter, MultiView):
        _layers(argument, augmenter)
        augmenter = MultiView(augmenter, num_views)
    if augmenter.num_views != num_views:
        raise ValueError(
            f"`{argument}` must make {num_views} view"
            f"{'s' if num_views > 1 else ''}. Received: a MultiView with "
            f"num_views={augmenter.num_views}"
        )
    return augmenter


def _layers(argument, augmenter):
    """A layer, or a list of them, as a list."""
    is_list = isinstance(augmenter, (list, tuple))
    layers = list(augmenter) if is_list else [augmenter]
    if not layers or not all(isinstance(each, keras.Layer) for each in layers):
        raise ValueError(
            f"`{argument}` must be a Keras layer or a list of them. "
            f"Received: {argument}={augmenter}"
        )
    return layers


def example_rank_of(augmenter):
    """Rank of an example for a layer, None if the layer does not say."""
    for layer in (augmenter, *getattr(augmenter, "layers", [])):
        if hasattr(layer, "example_rank"):
            return layer.example_rank
    return None


def draws_first(augmenter):
    """Whether a layer can draw for a batch and transform it in parts.

    This holds only for layers of this package: a subclass may override `call`.
    """
    is_ours = type(augmenter).__module__.startswith("keras_contrastive.")
    return is_ours and getattr(augmenter, "draws_first", False)


def _numpy_of(tensor):
    """NumPy operations of the library that `tensor` belongs to."""
    if isinstance(tensor, np.ndarray):
        # The augmenter must see the dtype, which not all backends support.
        return np
    # Inside tf.data, this is TensorFlow on every backend.
    is_tensorflow = type(tensor).__module__.split(".")[0] == "tensorflow"
    return DynamicBackend("tensorflow" if is_tensorflow else None).numpy
