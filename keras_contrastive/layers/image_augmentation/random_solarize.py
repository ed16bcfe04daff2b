"""Random solarization."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomSolarize(RandomImageLayer):
    """Inverts the bright values of each image with a probability.

    `x` becomes `high - x` where `x >= threshold * high`, with `high` the upper
    end of `value_range`.

    Args:
        threshold: Float in [0, 1], as a fraction of the range of values.
        probability: Float, the probability that an image is solarized.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `images`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 3
            or 4.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.rand(4, 32, 32, 3)
    solarized = kc.layers.RandomSolarize(0.5, probability=0.2)(images)
    ```

    Reference:
        Grill et al., "Bootstrap Your Own Latent", appendix B.
    """

    def __init__(
        self,
        threshold: float,
        probability: float,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.threshold = check_probability("threshold", threshold)
        self.probability = check_probability("probability", probability)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws which images to solarize.

        Returns:
            Dict with `"apply"`, a boolean tensor of shape `(batch,)`.
        """
        return {"apply": self.draw(images, 1, seed)[:, 0] < self.probability}

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Solarizes the chosen images."""
        ops = self.backend.numpy
        high = self.value_range[1]
        threshold = ops.where(
            transformation["apply"], self.threshold * high, float("inf")
        )
        bright = images >= threshold[:, None, None, None]
        return ops.where(bright, high - images, images)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "threshold": self.threshold,
            "probability": self.probability,
        }
