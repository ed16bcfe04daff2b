"""Base of the augmentation layers of volumes."""

from typing import Any

from keras_contrastive.layers.example_layer import Draws
from keras_contrastive.layers.example_layer import ExampleLayer


class RandomVolumeLayer(Draws, ExampleLayer):
    """Base of the augmentation layers of volumes.

    A subclass draws random numbers in `get_random_transformation`, and applies
    them in `transform_volumes`, which is deterministic. Both receive float32
    volumes of shape `(batch, depth, height, width, channels)`, in any unit.

    Args:
        seed: Integer, or `None` for a random one.
    """

    example_rank = 4
    draws_first = True

    def get_random_transformation(self, volumes: Any) -> Any:
        """Draws a transformation per volume, from the shape of `volumes`."""
        raise NotImplementedError

    def transform_volumes(self, volumes: Any, transformation: Any) -> Any:
        """Applies the result of `get_random_transformation`."""
        raise NotImplementedError

    def call(self, volumes: Any, training: bool = True) -> Any:
        return self.change(volumes, training)

    def draw_transformation(self, volumes: Any) -> Any:
        return self.get_random_transformation(volumes)

    def apply_transformation(self, volumes: Any, transformation: Any) -> Any:
        return self.transform_volumes(volumes, transformation)

    def check_shape(self, shape: Any) -> None:
        if len(shape) not in (4, 5):
            raise ValueError(
                f"{type(self).__name__} expects volumes of shape (depth, "
                "height, width, channels) or (batch, depth, height, width, "
                f"channels). Received: shape={tuple(shape)}"
            )


def per_volume(values: Any) -> Any:
    """Numbers of shape `(batch,)`, to be broadcast over a batch of volumes."""
    return values[:, None, None, None, None]
