"""Random grayscale."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.color import luminance
from keras_contrastive.layers.image_augmentation.color_layer import ColorLayer
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomGrayscale(ColorLayer):
    """Converts each image to gray with a probability.

    The three channels become `0.299 R + 0.587 G + 0.114 B`. Channels other than
    red, green and blue stay unchanged.

    Args:
        probability: Float, the probability that an image becomes gray.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.
        rgb_channels: Three distinct indices, the places of red, green and blue
            in the last axis. Needed unless there are three channels.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `images`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 3
            or 4 with three channels or those of `rgb_channels`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.rand(4, 32, 32, 3)
    gray = kc.layers.RandomGrayscale(probability=0.2)(images)
    ```

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", appendix A.
    """

    def __init__(
        self,
        probability: float,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        rgb_channels: tuple[int, int, int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            rgb_channels, value_range=value_range, seed=seed, **kwargs
        )
        self.probability = check_probability("probability", probability)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws which images become gray.

        Returns:
            Dict with `"apply"`, a boolean tensor of shape `(batch,)`.
        """
        return {"apply": self.draw(images, 1, seed)[:, 0] < self.probability}

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Makes the chosen images gray."""

        ops = self.backend.numpy
        channels, rgb = self.places_of(images.shape)

        def gray(images):
            own = luminance(images, rgb)
            if channels == 3:
                return ops.repeat(own[..., None], 3, 3)
            planes = [
                own if channel in rgb else images[..., channel]
                for channel in range(channels)
            ]
            return ops.stack(planes, axis=-1)

        return self.transform_chosen(images, transformation["apply"], gray)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "probability": self.probability}
