"""Random Gaussian noise."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.color import clip
from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.layers.keyed_noise import as_key
from keras_contrastive.layers.keyed_noise import normal_noise
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomGaussianNoise(RandomImageLayer):
    """Adds noise of a random strength to each image, with a probability.

    `x` becomes `clip(x + stddev high n)`, with `n` drawn from N(0, 1) for each
    pixel and channel, and `high` the upper end of `value_range`. The result is
    clipped to `value_range`. One `stddev` per image is drawn from U(`stddev`).

    Integer images become floats first, so the noise is not rounded to whole
    gray levels. Clipping brightens nearly black values and darkens nearly white
    ones, like a sensor that cannot measure below zero.

    An image's noise is a function of its key, two integers drawn for it.
    Therefore the views of a training step in microbatches equal those of the
    whole batch, although no noise is stored.

    Args:
        stddev: Pair of floats in [0, 1], the range of the noise's standard
            deviation as a fraction of the range of values: (0, 0.1) means up
            to 25.5 of 255 gray levels.
        probability: Float, the probability that an image gets noise.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`, with any number of channels.
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

    images = np.random.rand(4, 32, 32, 5)
    noisy = kc.layers.RandomGaussianNoise((0.0, 0.1), probability=0.5)(images)
    ```
    """

    def __init__(
        self,
        stddev: tuple[float, float] = (0.0, 0.1),
        probability: float = 1.0,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.stddev = check_interval("stddev", stddev, 0, 1)
        self.probability = check_probability("probability", probability)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws which images get noise, its strength and its key.

        Returns:
            Dict of tensors: `"apply"`, boolean of shape `(batch,)`;
            `"stddev"`, float32 of shape `(batch,)`, as a fraction of the range
            of values; `"key"`, int32 of shape `(batch, 2)`, which determines
            the noise.
        """
        draws = self.draw(images, 4, seed)
        low, high = self.stddev
        return {
            "apply": draws[:, 0] < self.probability,
            "stddev": low + (high - low) * draws[:, 1],
            "key": as_key(self.backend, draws[:, 2:]),
        }

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Adds the noise to the chosen images."""

        def add_noise(images):
            noise = normal_noise(
                self.backend,
                transformation["key"],
                self.backend.shape(images)[1:],
            )
            scale = self.value_range[1] * transformation["stddev"]
            images = images + scale[:, None, None, None] * noise
            return clip(self.backend, images, *self.value_range)

        return self.transform_chosen(images, transformation["apply"], add_noise)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "stddev": self.stddev,
            "probability": self.probability,
        }
