"""Random dropout of channels."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.validation import check_probability
from keras_contrastive.validation import check_rate


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomChannelDropout(RandomImageLayer):
    """Fills random channels of each image with a constant.

    Each channel of an image is dropped with probability `rate`, independently.
    If all of them would be dropped, one random channel is kept. An encoder of
    many bands thus learns not to rely on a single band, and to handle images
    without some bands.

    The other channels keep their values: unlike `keras.layers.Dropout`, the
    layer does not scale them, since images have a range.

    Args:
        rate: Float in [0, 1), the probability that a channel is dropped.
        fill_value: Float in [0, 1], the value of dropped channels as a
            fraction of the range of values. Use the value that your data has
            for missing bands, or the mean of the channels.
        probability: Float, the probability that channels of an image are
            dropped at all.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`, with two channels or more.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `images`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 3
            or 4, or has a single channel.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.rand(4, 32, 32, 5)
    partial = kc.layers.RandomChannelDropout(rate=0.3)(images)
    ```

    Reference:
        Tompson et al., 2015, Efficient Object Localization Using Convolutional
        Networks, section 3.2, which drops whole channels of feature maps.
    """

    def __init__(
        self,
        rate: float,
        fill_value: float = 0.0,
        probability: float = 1.0,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.rate = check_rate("rate", rate)
        self.fill_value = check_probability("fill_value", fill_value)
        self.probability = check_probability("probability", probability)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws the channels to drop.

        Returns:
            Dict with `"dropped"`, a boolean tensor of shape
            `(batch, channels)`.
        """
        channels = self.backend.shape(images)[-1]
        draws = self.draw(images, 1 + channels, seed)
        apply, draws = draws[:, :1] < self.probability, draws[:, 1:]
        # The channel of the highest draw is the last one to be dropped. Not by
        # `max`, which refuses an empty batch, and with `initial` fails on a GPU
        # with PyTorch.
        highest = self.backend.numpy.sort(draws, axis=1)[:, -1:]
        return {"dropped": apply & (draws < self.rate) & (draws < highest)}

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Fills the dropped channels."""
        kept = self.backend.cast(
            self.backend.numpy.logical_not(transformation["dropped"]), "float32"
        )
        kept = kept[:, None, None, :]
        fill_value = self.value_range[1] * self.fill_value
        return kept * images + (1 - kept) * fill_value

    def check_shape(self, shape: Any) -> None:
        super().check_shape(shape)
        if shape[-1] == 1:
            raise ValueError(
                f"{type(self).__name__} expects images of two channels or "
                "more, since it always keeps one. "
                f"Received: shape={tuple(shape)}"
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "fill_value": self.fill_value,
            "probability": self.probability,
        }
