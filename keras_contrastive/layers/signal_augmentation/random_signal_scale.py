"""Random scale of a signal."""

from typing import Any

import keras

from keras_contrastive.layers.signal_augmentation.random_signal_layer import (
    RandomSignalLayer,
)
from keras_contrastive.validation import check_not_negative


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomSignalScale(RandomSignalLayer):
    """Multiplies each channel of a signal by a random gain.

    The factor is drawn from N(1, `stddev`²), one for each channel.

    Args:
        stddev: Float, standard deviation of the factor.
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
    louder_or_softer = kc.layers.RandomSignalScale(stddev=0.2)(signals)
    ```

    Reference:
        Um et al., 2017, Data Augmentation of Wearable Sensor Data for
        Parkinson's Disease Monitoring using Convolutional Neural Networks,
        section 3, scaling.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(seed=seed, **kwargs)
        self.stddev = check_not_negative("stddev", stddev)

    def get_random_transformation(self, signals: Any, seed: Any = None) -> Any:
        """Draws the factors.

        Returns:
            Dict with `"factor"`, a float tensor of shape
            `(batch, 1, channels)`.
        """
        batch, _, channels = self.backend.shape(signals)
        draws = self.draw_normal((batch, 1, channels), seed)
        return {"factor": 1 + self.stddev * draws}

    def transform_signals(self, signals: Any, transformation: Any) -> Any:
        """Multiplies by the factors."""
        return signals * transformation["factor"]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev}
