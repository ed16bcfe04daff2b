"""What the augmentation layers of images share."""

from typing import Any

import keras
import numpy as np

from keras_contrastive.layers.augmentation.arguments import check_value_range
from keras_contrastive.layers.augmentation.example_layer import Draws
from keras_contrastive.layers.augmentation.example_layer import ExampleLayer


class ImageLayer(ExampleLayer):
    """Base of what changes each image of a batch.

    A subclass says what is drawn, in `get_random_transformation`, and what is
    done with it, in `transform_images`, which is deterministic. Both see
    float32 images of shape `(batch, height, width, channels)` with values in
    `value_range`.

    Integer images hold 0 to 255. They become floats of `value_range` before
    anything else, with `training=False` too.

    Args:
        value_range: `(0, 1)` or `(0, 255)`, the range of float images, which is
            the range of the output.
    """

    example_rank = 3
    requires_rgb = False

    def __init__(self, value_range: Any = (0, 1), **kwargs: Any):
        super().__init__(**kwargs)
        self.value_range = check_value_range(value_range)

    def get_random_transformation(self, images: Any) -> Any:
        """Draws a transformation per image, from the shape of `images`."""
        raise NotImplementedError

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Applies what `get_random_transformation` returned."""
        raise NotImplementedError

    def transform_images_at_inference(self, images: Any) -> Any:
        """What the layer does with `training=False`."""
        return images

    def __call__(self, images, **kwargs):
        if not hasattr(images, "dtype"):
            images = np.asarray(images)
        # Here, since inside tf.data Keras casts the input before `call` could
        # see that it was an integer; by an operator, since the tensor may
        # belong to NumPy or TensorFlow whatever the backend.
        if (
            self.value_range == (0, 1)
            and not isinstance(images, keras.KerasTensor)
            and keras.backend.is_int_dtype(images.dtype)
        ):
            images = images / 255
        return super().__call__(images, **kwargs)

    def call(self, images: Any, training: bool = True) -> Any:
        return self.change(images, training)

    def augment(self, images: Any) -> Any:
        transformation = self.get_random_transformation(images)
        return self.transform_images(images, transformation)

    def prepare(self, images: Any) -> Any:
        return self.transform_images_at_inference(images)

    def transform_chosen(self, images: Any, chosen: Any, function: Any) -> Any:
        """`function(images)` where `chosen`, the others as they are."""
        if images.shape[0] == 1:
            return self.backend.cond(
                chosen[0], lambda: function(images), lambda: images
            )
        chosen = self.backend.cast(chosen, "float32")[:, None, None, None]
        # Exact for 0 and 1, and TensorFlow's broadcast `where` is far slower.
        return chosen * function(images) + (1 - chosen) * images

    def check_shape(self, shape: Any) -> None:
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} expects images of shape (height, "
                "width, channels) or (batch, height, width, channels). "
                f"Received: shape={tuple(shape)}"
            )
        if self.requires_rgb and shape[-1] not in (3, None):
            raise ValueError(
                f"{type(self).__name__} expects RGB images, with 3 channels "
                f"in the last axis. Received: shape={tuple(shape)}"
            )


class RandomImageLayer(Draws, ImageLayer):
    """Base of the augmentation layers, each with random state of its own.

    Args:
        value_range: `(0, 1)` or `(0, 255)`, the range of float images, which is
            the range of the output.
        seed: Integer, or `None` for a random one.
    """

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range}
