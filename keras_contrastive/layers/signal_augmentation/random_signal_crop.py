"""Random crop of a signal."""

from typing import Any

import keras

from keras_contrastive.layers.image_augmentation.resize import resize_axis
from keras_contrastive.layers.signal_augmentation.random_signal_layer import (
    RandomSignalLayer,
)
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class RandomSignalCrop(RandomSignalLayer):
    """Crops a random part of each signal and resizes it to one length.

    The part's length is a fraction, drawn from U(`scale`), of the signal's
    length; its position is uniform. The part is stretched or compressed to
    `length` by linear interpolation, with antialiasing if it is compressed. The
    layer is a one-dimensional `RandomResizedCrop`. With `training=False` the
    whole signal is resized.

    Args:
        length: Integer, length of the output.
        scale: Pair of floats in [0, 1], the range of the part's length as a
            fraction of the signal's.
        seed: Integer, or `None` for a random one.

    Call arguments:
        signals: Tensor of shape `(batch, length, channels)` or
            `(length, channels)`.
        training: Boolean, whether to crop. Default `True`.

    Returns:
        Float tensor of shape `(batch, length, channels)` or
        `(length, channels)`, with the `length` of the arguments.

    Raises:
        ValueError: An argument is out of range, or the input is not of rank 2
            or 3.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    signals = np.random.normal(size=(4, 100, 2))
    crops = kc.layers.RandomSignalCrop(64)(signals)
    print(crops.shape)  # (4, 64, 2)
    ```

    Reference:
        Le Guennec et al., 2016, Data Augmentation for Time Series
        Classification using Convolutional Neural Networks, section 3, window
        slicing.
    """

    def __init__(
        self,
        length: int,
        scale: tuple[float, float] = (0.5, 1.0),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.supports_masking = False
        self.length = check_positive_int("length", length)
        self.scale = check_interval("scale", scale, 0, 1)

    def get_random_transformation(self, signals: Any, seed: Any = None) -> Any:
        """Draws the parts.

        Returns:
            Dict of int32 tensors of shape `(batch,)`, `"start"` and `"size"`,
            in samples of the input.
        """
        return self.draw_stretch(signals, self.scale, 1.0, seed)

    def transform_signals(self, signals: Any, transformation: Any) -> Any:
        """Crops and resizes each signal."""
        return resize_axis(
            self.backend,
            signals[:, :, None],
            axis=1,
            output_size=self.length,
            interpolation="bilinear",
            **transformation,
        )[:, :, 0]

    def prepare(self, signals: Any) -> Any:
        ops = self.backend.numpy
        whole = {
            "start": ops.zeros((1,), dtype="int32"),
            "size": ops.reshape(self.backend.shape(signals)[1], (1,)),
        }
        return self.transform_signals(signals, whole)

    def compute_output_shape(self, input_shape: Any) -> Any:
        *batch, _, channels = super().compute_output_shape(input_shape)
        return (*batch, self.length, channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "length": self.length,
            "scale": self.scale,
        }
