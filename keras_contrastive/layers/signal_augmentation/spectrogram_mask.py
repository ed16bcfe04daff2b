"""Random gaps in time and frequency of a spectrogram."""

from typing import Any

import keras

from keras_contrastive.layers.signal_augmentation.random_signal_layer import (
    RandomSignalLayer,
)
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_number


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomSpectrogramMask(RandomSignalLayer):
    """Sets random bands of time and frequency to a constant: SpecAugment.

    Each spectrogram gets `num_time_masks` stretches of time, in all
    frequencies, and `num_frequency_masks` bands of frequencies, at all times.
    A mask's width is a fraction, drawn from U(`time_scale`) or
    U(`frequency_scale`), of the spectrogram's; its position is uniform. Masks
    may overlap. The paper's time warping, which it found to matter least, is
    left out.

    Args:
        time_scale: Pair of floats in [0, 1], the range of a time mask's width
            as a fraction of the time steps.
        frequency_scale: Pair of floats in [0, 1], the range of a frequency
            mask's width as a fraction of the frequencies. The paper masks up to
            27 of 80 mel channels.
        num_time_masks: Integer, 0 or more.
        num_frequency_masks: Integer, 0 or more.
        fill_value: Float, the value of masked entries. Use the mean of the
            spectrograms, which is 0 for standardized ones.
        seed: Integer, or `None` for a random one.

    Call arguments:
        spectrograms: Tensor of shape `(batch, time, frequency)`,
            `(batch, time, frequency, channels)` or, for a single one,
            `(time, frequency)`. `keras.layers.MelSpectrogram` puts the
            frequencies first: swap its last two axes by
            `keras.layers.Permute((2, 1))`.
        training: Boolean, whether to augment. Default `True`.

    Returns:
        Float tensor of the shape of `spectrograms`.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 2,
            3 or 4.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    spectrograms = np.random.normal(size=(4, 100, 40))
    masked = kc.layers.RandomSpectrogramMask()(spectrograms)
    ```

    Reference:
        Park et al., 2019, SpecAugment: A Simple Data Augmentation Method for
        Automatic Speech Recognition, section 2.
    """

    def __init__(
        self,
        time_scale: tuple[float, float] = (0.0, 0.2),
        frequency_scale: tuple[float, float] = (0.0, 0.3),
        num_time_masks: int = 2,
        num_frequency_masks: int = 2,
        fill_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.time_scale = check_interval("time_scale", time_scale, 0, 1)
        self.frequency_scale = check_interval(
            "frequency_scale", frequency_scale, 0, 1
        )
        self.num_time_masks = check_int("num_time_masks", num_time_masks, 0)
        self.num_frequency_masks = check_int(
            "num_frequency_masks", num_frequency_masks, 0
        )
        self.fill_value = check_number("fill_value", fill_value)

    def get_random_transformation(self, signals: Any, seed: Any = None) -> Any:
        """Draws the masks.

        Returns:
            Dict of int32 tensors, `"time_start"` and `"time_size"` of shape
            `(batch, num_time_masks)` and `"frequency_start"` and
            `"frequency_size"` of shape `(batch, num_frequency_masks)`.
        """
        count = self.num_time_masks
        total = count + self.num_frequency_masks
        draws = self.draw(signals, 2 * total, seed)
        batch, time, frequency = self.backend.shape(signals)[:3]
        draws = self.backend.numpy.reshape(draws, (batch, total, 2))
        times = self.stretch_of(draws[:, :count], time, self.time_scale)
        bands = self.stretch_of(
            draws[:, count:], frequency, self.frequency_scale
        )
        return {
            "time_start": times["start"],
            "time_size": times["size"],
            "frequency_start": bands["start"],
            "frequency_size": bands["size"],
        }

    def transform_signals(self, signals: Any, transformation: Any) -> Any:
        """Sets the masks to `fill_value`."""
        ops = self.backend.numpy
        masks = []
        for axis, name in ((1, "time"), (2, "frequency")):
            start, size = (
                self.backend.cast(transformation[f"{name}_{part}"], "int32")
                for part in ("start", "size")
            )
            length = self.backend.shape(signals)[axis]
            position = ops.arange(length, dtype="int32")[None, None]
            inside = (position >= start[..., None]) & (
                position < (start + size)[..., None]
            )
            inside = ops.any(inside, axis=1)
            masks.append(ops.expand_dims(inside, 3 - axis))
        masked = masks[0] | masks[1]
        if len(signals.shape) == 4:
            masked = masked[..., None]
        return ops.where(masked, self.fill_value, signals)

    def check_shape(self, shape: Any) -> None:
        if len(shape) not in (2, 3, 4):
            raise ValueError(
                f"{type(self).__name__} expects spectrograms of shape (time, "
                "frequency), (batch, time, frequency) or (batch, time, "
                f"frequency, channels). Received: shape={tuple(shape)}"
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "time_scale": self.time_scale,
            "frequency_scale": self.frequency_scale,
            "num_time_masks": self.num_time_masks,
            "num_frequency_masks": self.num_frequency_masks,
            "fill_value": self.fill_value,
        }
