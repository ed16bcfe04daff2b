from typing import Any

import keras

from keras_contrastive.layers.same_padding import same_padding
from keras_contrastive.layers.window_size import check_window


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MaxPooling2D(keras.layers.MaxPooling2D):
    """Max-pooling of images that copies no activations on PyTorch.

    It is `keras.layers.MaxPooling2D`, but on PyTorch it uses a view of the
    images, as `Conv2D` does. Keras 3.15 copies them to another memory layout,
    and again to pad them; the outputs keep that layout, and the next
    convolution copies them back.

    Args:
        *args: Arguments of `keras.layers.MaxPooling2D`.
        **kwargs: Arguments of `keras.layers.MaxPooling2D`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`.

    Returns:
        Float tensor of shape `(batch, new_height, new_width, channels)`.

    Raises:
        ValueError: If the inputs are smaller than the window without padding.
    """

    def call(self, inputs: Any) -> Any:
        check_window(self, inputs, self.pool_size)
        if (
            keras.backend.backend() != "torch"
            or self.data_format != "channels_last"
        ):
            return super().call(inputs)
        padding: tuple[tuple[int, int], ...] = ((0, 0), (0, 0))
        if self.padding.lower() == "same":
            padding = tuple(
                same_padding(*sizes)
                for sizes in zip(
                    inputs.shape[1:3], self.pool_size, self.strides, strict=True
                )
            )
            if any(
                before != after and stride == 1
                for (before, after), stride in zip(
                    padding, self.strides, strict=True
                )
            ):
                return super().call(inputs)
        return _pool(inputs, self.pool_size, self.strides, padding)


def _pool(images, size, strides, padding):
    import torch
    from torch.nn import functional

    images = images.permute(0, 3, 1, 2)
    outputs = functional.max_pool2d(
        images.contiguous(memory_format=torch.channels_last),
        size,
        strides,
        [before for before, _ in padding],
        # The last window may lack a value if padding follows the images only.
        ceil_mode=any(before != after for before, after in padding),
    )
    return outputs.permute(0, 2, 3, 1)
