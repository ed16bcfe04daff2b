from typing import Any

import keras

from keras_contrastive.layers.same_padding import same_padding
from keras_contrastive.layers.window_size import check_window


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Conv2D(keras.layers.Conv2D):
    """Convolution of images that copies no activations on PyTorch.

    It has the same arguments, weights, values and gradients as
    `keras.layers.Conv2D`, and loads weights from files saved with that layer,
    since Keras addresses them by the class name.

    PyTorch's kernels take images of shape `(batch, channels, height, width)`.
    With `data_format="channels_last"`, Keras 3.15 copies its inputs to that
    memory layout and back. A permuted view of the inputs already has the
    layout that PyTorch calls `torch.channels_last`, so no copy is needed, and
    the backward pass keeps no second copy of the inputs. Only padding that
    differs between the two sides, as for even sizes with strides, copies.

    On TensorFlow and JAX, and with `data_format="channels_first"`, it is the
    same as Keras.

    Args:
        *args: Arguments of `keras.layers.Conv2D`.
        **kwargs: Arguments of `keras.layers.Conv2D`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`.

    Returns:
        Float tensor of shape `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: If the inputs are smaller than the window without padding.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        window = [
            dilation * (size - 1) + 1
            for dilation, size in zip(
                self.dilation_rate, self.kernel_size, strict=True
            )
        ]
        check_window(self, inputs, window)
        if (
            keras.backend.backend() != "torch"
            or self.data_format != "channels_last"
            or keras.backend.is_keras_tensor(inputs)
        ):
            return super().convolution_op(inputs, kernel)
        return _convolve(
            keras.ops.convert_to_tensor(inputs),
            keras.ops.convert_to_tensor(kernel),
            self.strides,
            self.padding,
            self.dilation_rate,
            self.groups,
        )


def _convolve(inputs, kernel, strides, padding, dilation, groups):
    """Keras' convolution on PyTorch, using views instead of copies."""
    import torch
    from torch.nn import functional

    layout = torch.channels_last
    # Neither call copies unless the images have another memory layout.
    images = inputs.permute(0, 3, 1, 2).contiguous(memory_format=layout)
    # This copies: Keras stores kernels in another order than PyTorch.
    kernel = kernel.permute(3, 2, 0, 1).contiguous(memory_format=layout)
    before = (0, 0)
    if padding == "same":
        rows, columns = (
            same_padding(*sizes)
            for sizes in zip(
                images.shape[2:],
                kernel.shape[2:],
                strides,
                dilation,
                strict=True,
            )
        )
        if rows[0] == rows[1] and columns[0] == columns[1]:
            before = rows[0], columns[0]
        else:  # PyTorch's kernels pad both sides equally.
            images = functional.pad(images, (*columns, *rows))
    outputs = functional.conv2d(
        images,
        kernel,
        stride=strides,
        padding=before,
        dilation=dilation,
        groups=groups,
    )
    return outputs.permute(0, 2, 3, 1)
