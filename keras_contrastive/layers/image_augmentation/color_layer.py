"""Base of the augmentation layers that know red, green and blue."""

from typing import Any

from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.validation import check_rgb_channels


class ColorLayer(RandomImageLayer):
    """Base of layers that change the colors of three of the channels.

    Args:
        rgb_channels: Three distinct indices, those of red, green and blue in
            the last axis. `None`, the default, means `(0, 1, 2)` in images of
            three channels, and no colors in others.
        value_range: As in `RandomImageLayer`.
        seed: As in `RandomImageLayer`.
    """

    # Whether the layer changes more than brightness and contrast.
    requires_rgb = True

    def __init__(self, rgb_channels: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rgb_channels = check_rgb_channels(rgb_channels)

    def places_of(self, shape: Any) -> tuple[int, tuple[int, ...]]:
        """The number of channels, and the places of red, green and blue.

        An unknown number, as for files that are read in `tf.data`, counts as 3.
        The places are empty if the images have no colors.
        """
        channels = 3 if shape[-1] is None else shape[-1]
        if self.rgb_channels is not None:
            return channels, self.rgb_channels
        return channels, (0, 1, 2) if channels == 3 else ()

    def check_shape(self, shape: Any) -> None:
        super().check_shape(shape)
        channels, rgb = self.places_of(shape)
        if self.requires_rgb and not rgb:
            raise ValueError(
                f"{type(self).__name__} expects RGB images, with 3 channels "
                "in the last axis, or `rgb_channels`, the places of red, green "
                f"and blue among others. Received: shape={tuple(shape)} with "
                "rgb_channels=None"
            )
        if shape[-1] is None and self.rgb_channels is not None:
            raise ValueError(
                "`rgb_channels` needs images whose number of channels is "
                f"known. Received: shape={tuple(shape)}; in tf.data, call "
                "`set_shape` on them"
            )
        check_rgb_channels(self.rgb_channels, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rgb_channels": self.rgb_channels}
