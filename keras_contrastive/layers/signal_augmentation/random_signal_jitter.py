"""Random noise on a signal."""

from typing import Any

import keras

from keras_contrastive.layers.signal_augmentation.random_signal_layer import (
    RandomSignalLayer,
)
from keras_contrastive.validation import check_not_negative


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomSignalJitter(RandomSignalLayer):
    """Adds noise to each value of a signal, like the noise of a sensor.

    The noise is drawn from N(0, `stddev`²), independently for each value.

    Args:
        stddev: Float, standard deviation of the noise in units of the signal.
        seed: Integer, or `None` for a random one.

    Call arguments:
        signals: Tensor of shape `(batch, length, channels)` or
            `(length, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `signals`.

    Raises:
        ValueError: `stddev` is negative, or the input is not of rank 2 or 3.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    signals = np.sin(np.linspace(0, 20, 100)).reshape(1, 100, 1)
    noisy = kc.layers.RandomSignalJitter(stddev=0.05)(signals)
    ```

    Reference:
        Um et al., 2017, Data Augmentation of Wearable Sensor Data for
        Parkinson's Disease Monitoring using Convolutional Neural Networks,
        section 3, jittering.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(seed=seed, **kwargs)
        self.stddev = check_not_negative("stddev", stddev)

    def get_random_transformation(self, signals: Any, seed: Any = None) -> Any:
        """Draws the noise.

        Returns:
            Dict with `"noise"`, a float tensor of the shape of `signals`.
        """
        shape = self.backend.shape(signals)
        return {"noise": self.stddev * self.draw_normal(shape, seed)}

    def transform_signals(self, signals: Any, transformation: Any) -> Any:
        """Adds the noise."""
        return signals + transformation["noise"]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev}
