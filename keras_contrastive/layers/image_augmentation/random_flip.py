"""Random horizontal flip."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomFlip(RandomImageLayer):
    """Mirrors each image left to right with a probability.

    Args:
        probability: Float, the probability that an image is flipped.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images.
            Integer images hold 0 to 255, or 0 to 65535 as uint16, and are
            converted to it.
        seed: Integer, or `None` for a random one.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)` or
            `(height, width, channels)`.
        training: Boolean, whether to flip. Default `True`.

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
    flipped = kc.layers.RandomFlip(probability=1.0)(images)
    ```

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", appendix A.
    """

    def __init__(
        self,
        probability: float = 0.5,
        value_range: tuple[int, int] = (0, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.probability = check_probability("probability", probability)

    def get_random_transformation(self, images: Any, seed: Any = None) -> Any:
        """Draws which images to flip.

        Returns:
            Dict with `"apply"`, a boolean tensor of shape `(batch,)`.
        """
        return {"apply": self.draw(images, 1, seed)[:, 0] < self.probability}

    def transform_images(self, images: Any, transformation: Any) -> Any:
        """Flips the chosen images."""
        return self.transform_chosen(
            images,
            transformation["apply"],
            lambda images: self.backend.numpy.flip(images, axis=2),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "probability": self.probability}
