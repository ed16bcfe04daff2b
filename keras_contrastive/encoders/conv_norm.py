from keras import layers

from keras_contrastive.layers.batch_normalization import BatchNormalization
from keras_contrastive.layers.conv2d import Conv2D
from keras_contrastive.normal_initializer import NormalInitializer


def conv_norm(
    x,
    filters,
    size,
    stride,
    name,
    dtype,
    gain="ones",
    activate=True,
    padding="same",
):
    """A convolution without bias, a BatchNorm and a ReLU.

    Args:
        x: Symbolic tensor.
        filters: Int, number of channels of the result.
        size: Int, height and width of the kernel.
        stride: Int.
        name: Prefix of the names of the layers.
        dtype: Dtype or policy of the layers.
        gain: Initializer of the BatchNorm's gain.
        activate: Whether there is a ReLU.
        padding: `"same"` or `"valid"`.
    """
    x = Conv2D(
        filters,
        size,
        stride,
        padding=padding,
        data_format="channels_last",
        use_bias=False,
        kernel_initializer=NormalInitializer(),
        name=f"{name}_conv",
        dtype=dtype,
    )(x)
    x = BatchNormalization(
        gamma_initializer=gain,
        name=f"{name}_norm",
        dtype=dtype,
    )(x)
    if activate:
        x = layers.ReLU(name=f"{name}_relu", dtype=dtype)(x)
    return x
