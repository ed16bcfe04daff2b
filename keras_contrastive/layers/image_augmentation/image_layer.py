"""Base of the augmentation layers of images."""

from typing import Any

import keras

from keras_contrastive.data_validation import concrete
from keras_contrastive.layers.data_layer import as_array
from keras_contrastive.layers.example_layer import Draws
from keras_contrastive.layers.example_layer import ExampleLayer


class ImageLayer(ExampleLayer):
    """Base of layers that change each image of a batch.

    A subclass draws random numbers in `get_random_transformation`, and applies
    them in `transform_images`, which is deterministic. Both receive float32
    images of shape `(batch, height, width, channels)` with values in
    `value_range`.

    Integer images hold 0 to 255, those of uint16 0 to 65535. They are first
    converted to floats of `value_range`, also with `training=False`. Other
    integers raise a `ValueError` if the values are concrete.

    Args:
        value_range: `(0, 1)` or `(0, 255)`, the range of float images, which is
            the range of the output.
    """

    example_rank = 3

    def __init__(self, value_range: Any = (0, 1), **kwargs: Any):
        super().__init__(**kwargs)
        self.value_range = _check_value_range(value_range)

    def get_random_transformation(self, images: Any) -> Any:
        """Draws a transformation per image, from the shape of `images`."""
        raise NotImplementedError

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Applies the result of `get_random_transformation`."""
        raise NotImplementedError

    def parameters_of_each(self, shape: Any, transformation: Any) -> Any:
        """What `transform_one` takes, computed for a whole batch at once.

        Args:
            shape: Shape of the images.
            transformation: The result of `get_random_transformation`.
        """
        return transformation

    def transform_one(self, image: Any, parameters: Any) -> Any:
        """`transform_images` of a batch of one image.

        Args:
            image: Tensor of shape `(1, height, width, channels)`.
            parameters: Its row of the result of `parameters_of_each`.
        """
        return self.transform_images(image, parameters)

    def transform_images_at_inference(self, images: Any) -> Any:
        """The output of the layer with `training=False`."""
        return images

    def __call__(self, images, **kwargs):
        images = as_array(images)
        # Converted here, since inside tf.data Keras casts the input before
        # `call` could see that it was an integer.
        if not isinstance(images, keras.KerasTensor):
            images = integers_as_floats(images, self.value_range[1])
        return super().__call__(images, **kwargs)

    def call(self, images: Any, training: bool = True) -> Any:
        return self.change(images, training)

    def draw_transformation(self, images: Any) -> Any:
        return self.get_random_transformation(images)

    def apply_transformation(self, images: Any, transformation: Any) -> Any:
        return self.transform_images(images, transformation)

    def as_floats(self, images: Any) -> Any:
        images = integers_as_floats(images, self.value_range[1])
        return super().as_floats(images)

    def prepare(self, images: Any) -> Any:
        return self.transform_images_at_inference(images)

    def transform_chosen(self, images: Any, chosen: Any, function: Any) -> Any:
        """`function(images)` for chosen images; leaves the others unchanged."""
        if images.shape[0] == 1:
            return self.backend.cond(
                chosen[0], lambda: function(images), lambda: images
            )
        chosen = self.backend.cast(chosen, "float32")[:, None, None, None]
        # This is exact for 0 and 1. TensorFlow's broadcast `where` is far
        # slower.
        return chosen * function(images) + (1 - chosen) * images

    def check_shape(self, shape: Any) -> None:
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} expects images of shape (height, "
                "width, channels) or (batch, height, width, channels). "
                f"Received: shape={tuple(shape)}"
            )


def integers_as_floats(images, highest):
    """Converts integer images to the scale of floats in [0, `highest`].

    Args:
        images: Array or tensor, of NumPy or TensorFlow on every backend. Floats
            are left unchanged.
        highest: 1 or 255.

    Returns:
        The images, as floats unless they are already integers of that scale.

    Raises:
        ValueError: If integers that are not uint16 are outside of [0, 255].
    """
    dtype = keras.backend.standardize_dtype(images.dtype)
    if not keras.backend.is_int_dtype(dtype):
        return images
    if keras.ops.is_tensor(images):
        # On PyTorch, which cannot divide uint16, this converts to int32.
        images = keras.ops.convert_to_tensor(images)
    if dtype not in ("uint8", "uint16"):
        _check_integers(images, dtype)
    scale = (65535 if dtype == "uint16" else 255) / highest
    # Use an operator, which tensors of all libraries have.
    return images if scale == 1 else images / int(scale)


def _check_integers(images, dtype):
    values = concrete(images)
    if values is None or not values.size:
        return
    low, high = values.min(), values.max()
    if low < 0 or high > 255:
        advice = (
            "Divide them by their highest value, or convert them to uint16."
        )
        if keras.backend.backend() == "torch" and dtype == "int32":
            advice = (
                "Divide them by their highest value: Keras holds uint16 as "
                "int32 on PyTorch."
            )
        raise ValueError(
            "Integer images must be in [0, 255], or uint16 in [0, 65535]. "
            f"Received: {dtype} images that span [{low}, {high}]. {advice}"
        )


class RandomImageLayer(Draws, ImageLayer):
    """Base of the augmentation layers, each with its own random state.

    Args:
        value_range: `(0, 1)` or `(0, 255)`, the range of float images, which is
            the range of the output.
        seed: Integer, or `None` for a random one.
    """

    draws_first = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range}


def _check_value_range(value_range):
    """`value_range` as a tuple of ints, which is (0, 1) or (0, 255)."""
    try:
        low, high = (int(bound) for bound in value_range)
        valid = (low, high) in ((0, 1), (0, 255))
        valid = valid and (low, high) == tuple(value_range)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "`value_range` must be (0, 1) or (0, 255). "
            f"Received: value_range={value_range!r}"
        )
    return low, high
