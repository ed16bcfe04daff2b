"""Base of the augmentation layers of signals."""

from typing import Any

from keras_contrastive.layers.example_layer import Draws
from keras_contrastive.layers.example_layer import ExampleLayer


class RandomSignalLayer(Draws, ExampleLayer):
    """Base of the augmentation layers of signals.

    A subclass draws random numbers in `get_random_transformation`, and applies
    them in `transform_signals`, which is deterministic. Both receive float32
    signals of shape `(batch, length, channels)`.

    Args:
        seed: Integer, or `None` for a random one.
    """

    example_rank = 2
    draws_first = True

    def __init__(self, *, seed: int | None = None, **kwargs: Any):
        super().__init__(seed=seed, **kwargs)
        # Most layers change values and keep their positions.
        self.supports_masking = True

    def get_random_transformation(self, signals: Any) -> Any:
        """Draws a transformation per signal, from the shape of `signals`."""
        raise NotImplementedError

    def transform_signals(self, signals: Any, transformation: Any) -> Any:
        """Applies the result of `get_random_transformation`."""
        raise NotImplementedError

    def draw_stretch(
        self, signals: Any, scale: Any, smallest: float, seed: Any
    ) -> dict[str, Any]:
        """Draws a stretch of each signal, at a uniform position.

        Args:
            signals: The signals.
            scale: Pair of floats, the range of the stretch's length as a
                fraction of the signal's.
            smallest: Float, the minimum number of samples of a stretch.
            seed: A seed for the draws, or `None` for the layer's own.

        Returns:
            Dict of int32 tensors of shape `(batch,)`, `"start"` and `"size"`,
            in samples.
        """
        length = self.backend.shape(signals)[1]
        draws = self.draw(signals, 2, seed)
        return self.stretch_of(draws, length, scale, smallest)

    def stretch_of(
        self, draws: Any, length: Any, scale: Any, smallest: float = 0.0
    ) -> dict[str, Any]:
        """Converts uniform draws to stretches along one axis.

        Args:
            draws: Tensor of shape `(..., 2)` of draws in [0, 1).
            length: Int, the samples along the axis.
            scale: As in `draw_stretch`.
            smallest: As in `draw_stretch`.

        Returns:
            Dict of int32 tensors of shape `(...)`, `"start"` and `"size"`.
        """
        ops = self.backend.numpy
        length = self.backend.cast(length, "float32")
        low, high = scale
        size = ops.round((low + (high - low) * draws[..., 0]) * length)
        size = ops.maximum(size, smallest)
        free = length - size
        start = ops.minimum(ops.floor(draws[..., 1] * (free + 1)), free)
        return {
            "start": self.backend.cast(start, "int32"),
            "size": self.backend.cast(size, "int32"),
        }

    def call(self, signals: Any, training: bool = True) -> Any:
        return self.change(signals, training)

    def draw_transformation(self, signals: Any) -> Any:
        return self.get_random_transformation(signals)

    def apply_transformation(self, signals: Any, transformation: Any) -> Any:
        return self.transform_signals(signals, transformation)

    def check_shape(self, shape: Any) -> None:
        if len(shape) not in (2, 3):
            raise ValueError(
                f"{type(self).__name__} expects signals of shape (length, "
                "channels) or (batch, length, channels). "
                f"Received: shape={tuple(shape)}"
            )
