from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Center(keras.layers.Layer):
    """Subtracts a moving average of earlier batches.

    `update(outputs)` moves the center c toward the mean of a batch, over all
    devices:

    `c = m c + (1 - m) mean(outputs)`

    It starts at zero. DINO centers the outputs of its teacher with it.

    Args:
        dim: Int, dimension of the outputs.
        momentum: Float in [0, 1], `m`. Defaults to 0.9.
        **kwargs: Arguments of `keras.layers.Layer`.

    Attributes:
        value: Float32 tensor of shape `(dim,)`, the center; without gradient.

    Call arguments:
        outputs: Float tensor of shape `(..., dim)`.

    Returns:
        `outputs - value`; a call does not update the center.

    Raises:
        ValueError: If `dim` is not a positive integer, `momentum` is not in
            [0, 1], or the last axis of the outputs is not `dim`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    center = kc.layers.Center(4, momentum=0.9)
    center.update(np.ones((8, 4), "float32"))
    print(center.value)  # 0.1 four times
    ```

    Reference:
        Caron et al., 2021, Emerging Properties in Self-Supervised Vision
        Transformers, eq. 4.
    """

    def __init__(self, dim: int, momentum: float = 0.9, **kwargs: Any):
        super().__init__(**kwargs)
        self.dim = check_positive_int("dim", dim)
        self.momentum = check_probability("momentum", momentum)
        self._center = self.add_weight(
            name="center",
            shape=(self.dim,),
            dtype="float32",
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.built = True

    @property
    def value(self) -> Any:
        return ops.stop_gradient(ops.convert_to_tensor(self._center))

    def update(self, outputs: Any, parts: int = 1) -> None:
        """Moves the center toward the mean of a batch.

        Args:
            outputs: See the call.
            parts: Int, the number of batches per optimizer step. Each moves the
                center with the momentum `m**(1 / parts)`, which gives `m` per
                step.
        """
        self._check(outputs)
        outputs = ops.cast(ops.convert_to_tensor(outputs), "float32")
        outputs = ops.reshape(ops.stop_gradient(outputs), (-1, self.dim))
        mean = ops.mean(outputs, axis=0)
        mean = distribution.mean_over_replicas(mean)
        momentum = self.momentum ** (1 / parts)
        value = mean + momentum * (self.value - mean)
        distribution.assign_equal([self._center], [value])

    def call(self, outputs: Any) -> Any:
        self._check(outputs)
        return outputs - ops.cast(self.value, outputs.dtype)

    def _check(self, outputs):
        if outputs.shape[-1] != self.dim:
            raise ValueError(
                f"`outputs` must have the shape (..., {self.dim}). "
                f"Received: outputs.shape={tuple(outputs.shape)}"
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dim": self.dim,
            "momentum": self.momentum,
        }
