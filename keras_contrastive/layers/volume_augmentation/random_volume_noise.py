"""Random noise on a volume."""

from typing import Any

import keras

from keras_contrastive.layers.keyed_noise import as_key
from keras_contrastive.layers.keyed_noise import normal_noise
from keras_contrastive.layers.volume_augmentation.random_volume_layer import (
    RandomVolumeLayer,
)
from keras_contrastive.layers.volume_augmentation.random_volume_layer import (
    per_volume,
)
from keras_contrastive.validation import check_interval


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomVolumeNoise(RandomVolumeLayer):
    """Adds noise of a random strength to each volume.

    `x` becomes `x + stddev n`, with `n` drawn from N(0, 1) for each voxel and
    channel and one `stddev` per volume from U(`stddev`). As in
    `RandomGaussianNoise`, a volume's noise is a function of a key of two
    integers drawn for it.

    Args:
        stddev: Pair of floats, not negative, the range of the noise's standard
            deviation, in units of the volume.
        seed: Integer, or `None` for a random one.

    Call arguments:
        volumes: Tensor of shape `(batch, depth, height, width, channels)` or
            `(depth, height, width, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `volumes`.

    Raises:
        ValueError: `stddev` is out of range, or the input is not of rank 4 or
            5.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    volumes = np.random.normal(size=(2, 16, 24, 24, 1))
    noisy = kc.layers.RandomVolumeNoise(stddev=(0.0, 0.2))(volumes)
    ```
    """

    def __init__(
        self,
        stddev: tuple[float, float] = (0.0, 0.2),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.stddev = check_interval("stddev", stddev, 0)

    def get_random_transformation(self, volumes: Any, seed: Any = None) -> Any:
        """Draws the strength and the key of each volume's noise.

        Returns:
            Dict with `"stddev"`, float32 of shape `(batch,)`, and `"key"`,
            int32 of shape `(batch, 2)`, which determines the noise.
        """
        draws = self.draw(volumes, 3, seed)
        low, high = self.stddev
        return {
            "stddev": low + (high - low) * draws[:, 0],
            "key": as_key(self.backend, draws[:, 1:]),
        }

    def transform_volumes(self, volumes: Any, transformation: Any) -> Any:
        """Adds the noise."""
        shape = self.backend.shape(volumes)[1:]
        noise = normal_noise(self.backend, transformation["key"], shape)
        return volumes + per_volume(transformation["stddev"]) * noise

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev}
