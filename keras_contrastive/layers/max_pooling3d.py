from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.window_size import check_window


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MaxPooling3D(keras.layers.MaxPooling3D):
    """Max-pooling of volumes in every dtype.

    It is `keras.layers.MaxPooling3D`, computed in float32 under a policy of
    float16, for which TensorFlow has no kernel on CPUs. A maximum is one of the
    inputs, so the result is the same.

    Args:
        *args: Arguments of `keras.layers.MaxPooling3D`.
        **kwargs: Arguments of `keras.layers.MaxPooling3D`.

    Call arguments:
        inputs: Float tensor of shape `(batch, depth, height, width, channels)`.

    Returns:
        Float tensor of shape `(batch, new_depth, new_height, new_width,
        channels)`.

    Raises:
        ValueError: If the inputs are smaller than the window without padding.
    """

    def call(self, inputs: Any) -> Any:
        check_window(self, inputs, self.pool_size)
        if self.compute_dtype != "float16":
            return super().call(inputs)
        outputs = super().call(ops.cast(inputs, "float32"))
        return ops.cast(outputs, "float16")
