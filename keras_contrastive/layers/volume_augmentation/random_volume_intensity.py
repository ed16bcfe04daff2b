"""Random contrast and brightness of a volume."""

from typing import Any

import keras

from keras_contrastive.layers.volume_augmentation.random_volume_layer import (
    RandomVolumeLayer,
)
from keras_contrastive.layers.volume_augmentation.random_volume_layer import (
    per_volume,
)
from keras_contrastive.validation import check_interval


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomVolumeIntensity(RandomVolumeLayer):
    """Changes the contrast and the brightness of each volume, in any unit.

    `x` becomes `m + c (x - m) + b s`, with `m` and `s` the mean and the
    standard deviation of the volume's channel, and one `c` from U(`contrast`)
    and one `b` from U(`brightness`) per volume. Nothing is clipped.

    Leave it out if the values themselves have a meaning, such as Hounsfield
    units, which distinguish bone from soft tissue.

    Args:
        contrast: Pair of floats, not negative, the range of the factor.
        brightness: Pair of floats, the range of the shift in standard
            deviations of the channel.
        seed: Integer, or `None` for a random one.

    Call arguments:
        volumes: Tensor of shape `(batch, depth, height, width, channels)` or
            `(depth, height, width, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `volumes`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 4
            or 5.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    volumes = np.random.normal(100.0, 20.0, size=(2, 16, 24, 24, 1))
    changed = kc.layers.RandomVolumeIntensity(contrast=(0.7, 1.3))(volumes)
    ```
    """

    def __init__(
        self,
        contrast: tuple[float, float] = (0.75, 1.25),
        brightness: tuple[float, float] = (-0.25, 0.25),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.contrast = check_interval("contrast", contrast, 0)
        self.brightness = check_interval(
            "brightness", brightness, float("-inf")
        )

    def get_random_transformation(self, volumes: Any, seed: Any = None) -> Any:
        """Draws the changes.

        Returns:
            Dict of float tensors of shape `(batch,)`, `"contrast"` and
            `"brightness"`.
        """
        draws = self.draw(volumes, 2, seed)
        return {
            name: low + (high - low) * draws[:, place]
            for place, (name, (low, high)) in enumerate(
                {
                    "contrast": self.contrast,
                    "brightness": self.brightness,
                }.items()
            )
        }

    def transform_volumes(self, volumes: Any, transformation: Any) -> Any:
        """Changes contrast and brightness."""
        ops = self.backend.numpy
        voxels = (1, 2, 3)
        mean = ops.mean(volumes, axis=voxels, keepdims=True)
        centered = volumes - mean
        variance = ops.mean(ops.square(centered), axis=voxels, keepdims=True)
        shift = per_volume(transformation["brightness"]) * ops.sqrt(variance)
        return mean + shift + per_volume(transformation["contrast"]) * centered

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "contrast": self.contrast,
            "brightness": self.brightness,
        }
