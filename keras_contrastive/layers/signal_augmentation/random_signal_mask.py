"""Random gap in a signal."""

from typing import Any

import keras

from keras_contrastive.layers.signal_augmentation.random_signal_layer import (
    RandomSignalLayer,
)
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_number


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomSignalMask(RandomSignalLayer):
    """Sets a random stretch of each signal to a constant, in all channels.

    The stretch's length is a fraction, drawn from U(`scale`), of the signal's
    length; its position is uniform.

    Args:
        scale: Pair of floats in [0, 1], the range of the stretch's length as a
            fraction of the signal's.
        fill_value: Float, the value of the stretch. Use the mean of the
            encoder's input signals, which is 0 for standardized ones.
        seed: Integer, or `None` for a random one.

    Call arguments:
        signals: Tensor of shape `(batch, length, channels)` or
            `(length, channels)`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `signals`.

    Raises:
        ValueError: `scale` is out of range, or the input is not of rank 2 or 3.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    signals = np.sin(np.linspace(0, 20, 100)).reshape(1, 100, 1)
    with_a_gap = kc.layers.RandomSignalMask(scale=(0.1, 0.2))(signals)
    ```

    Reference:
        Park et al., 2019, SpecAugment: A Simple Data Augmentation Method for
        Automatic Speech Recognition, section 2, time masking.
    """

    def __init__(
        self,
        scale: tuple[float, float] = (0.0, 0.3),
        fill_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.scale = check_interval("scale", scale, 0, 1)
        self.fill_value = check_number("fill_value", fill_value)

    def get_random_transformation(self, signals: Any, seed: Any = None) -> Any:
        """Draws the stretches.

        Returns:
            Dict of int32 tensors of shape `(batch,)`, `"start"` and `"size"`,
            in samples.
        """
        return self.draw_stretch(signals, self.scale, 0.0, seed)

    def transform_signals(self, signals: Any, transformation: Any) -> Any:
        """Sets the stretches to `fill_value`."""
        ops = self.backend.numpy
        start, size = (
            self.backend.cast(transformation[name], "int32")[:, None, None]
            for name in ("start", "size")
        )
        length = self.backend.shape(signals)[1]
        sample = ops.arange(length, dtype="int32")[None, :, None]
        inside = (sample >= start) & (sample < start + size)
        return ops.where(inside, self.fill_value, signals)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "fill_value": self.fill_value,
        }
