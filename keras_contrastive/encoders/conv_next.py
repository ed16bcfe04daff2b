from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_contrastive.encoders.checks import check_image_shape
from keras_contrastive.encoders.checks import check_stages
from keras_contrastive.encoders.checks import check_statistics
from keras_contrastive.encoders.functional_encoder import FunctionalEncoder
from keras_contrastive.encoders.standardize import standardize
from keras_contrastive.layers.conv2d import Conv2D
from keras_contrastive.layers.layer_scale import LayerScale
from keras_contrastive.normal_initializer import NormalInitializer
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int

# The stem and the stages divide height and width by this.
_STRIDE = 32


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ConvNeXt(FunctionalEncoder):
    """A ConvNeXt: maps images to one vector each.

    Each block has a depthwise 7x7 convolution, a LayerNorm and an MLP over the
    channels, whose outputs are scaled per channel before they are added.
    Between the stages are a LayerNorm and a 2x2 convolution of stride 2. Global
    average pooling and a LayerNorm end the network. It is the image tower of
    some CLIP models of LAION: ConvNeXt-B is `ConvNeXt((3, 3, 27, 3), (128, 256,
    512, 1024))`.

    Args:
        stack_sizes: Sequence of four ints, blocks per stage.
        widths: Sequence of four ints, channels per stage.
        layer_norm_epsilon: Float, added to the variances of the LayerNorms.
        input_shape: Tuple `(height, width, channels)`; height and width at
            least 32, or `None`.
        mean: Tuple of floats, one per channel, which are first subtracted from
            the images, or `None`. Requires `std`.
        std: Tuple of positive floats, by which the result is divided.
        hidden_dim: Int, dimension of a linear layer with GELU after the last
            LayerNorm. Defaults to `None`, no such layer.
        output_dim: Int, dimension of a last linear layer with a bias. Defaults
            to `None`, no such layer.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`, such as `dtype`.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, channels)`.

    Returns:
        Float tensor of shape `(batch, widths[-1])`, or of the last dimension
        that is given.

    Raises:
        ValueError: If a size is below 1, there are not four stages, the images
            are too small, or `mean` and `std` are not one number per channel.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.ConvNeXt(
        (1, 1, 1, 1), (8, 8, 16, 16), input_shape=(64, 64, 3)
    )
    print(encoder(np.ones((2, 64, 64, 3))).shape)
    ```

    Reference:
        Liu et al., 2022, A ConvNet for the 2020s.
    """

    def __init__(
        self,
        stack_sizes: Sequence[int],
        widths: Sequence[int],
        layer_norm_epsilon: float = 1e-6,
        input_shape: Any = (224, 224, 3),
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        hidden_dim: int | None = None,
        output_dim: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        stack_sizes = check_stages("stack_sizes", stack_sizes, 4)
        widths = check_stages("widths", widths, 4)
        input_shape = check_image_shape(input_shape, _STRIDE)
        check_positive("layer_norm_epsilon", layer_norm_epsilon)
        if hidden_dim is not None:
            hidden_dim = check_positive_int("hidden_dim", hidden_dim)
        if output_dim is not None:
            output_dim = check_positive_int("output_dim", output_dim)
        mean, std = check_statistics(mean, std, input_shape[2])
        dtype = kwargs.get("dtype")

        def norm(name):
            return layers.LayerNormalization(
                epsilon=layer_norm_epsilon, name=name, dtype=dtype
            )

        images = keras.Input(input_shape, name="images")
        x = standardize(images, mean, std, dtype)
        x = norm("stem_norm")(_patches(x, widths[0], 4, "stem", dtype))
        for stage, (blocks, width) in enumerate(
            zip(stack_sizes, widths, strict=True)
        ):
            for block in range(blocks):
                name_of_block = f"stage{stage + 1}_block{block + 1}"
                if stage > 0 and block == 0:
                    down = f"{name_of_block}_downsample"
                    x = norm(f"{down}_norm")(x)
                    x = _patches(x, width, 2, down, dtype)
                x = _block(x, norm, name_of_block, dtype)
        x = layers.GlobalAveragePooling2D(
            data_format="channels_last", name="pool", dtype=dtype
        )(x)
        x = norm("final_norm")(x)
        if hidden_dim is not None:
            x = _dense(x, hidden_dim, "hidden", dtype, "gelu")
        if output_dim is not None:
            x = _dense(x, output_dim, "output", dtype)
        super().__init__(images, x, name=name, **kwargs)

        self.stack_sizes = stack_sizes
        self.widths = widths
        self.layer_norm_epsilon = layer_norm_epsilon
        self.mean = mean
        self.std = std
        self.hidden_dim = hidden_dim
        self.output_dim = output_dim


def _initializer():
    return NormalInitializer(stddev=0.02, truncated=True)


def _dense(x, units, name, dtype, activation=None):
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer=_initializer(),
        name=name,
        dtype=dtype,
    )(x)


def _patches(x, width, size, name, dtype):
    return Conv2D(
        width,
        size,
        size,
        data_format="channels_last",
        kernel_initializer=_initializer(),
        name=f"{name}_conv",
        dtype=dtype,
    )(x)


def _block(x, norm, name, dtype):
    width = x.shape[-1]
    y = layers.DepthwiseConv2D(
        7,
        padding="same",
        data_format="channels_last",
        depthwise_initializer=_initializer(),
        name=f"{name}_depthwise",
        dtype=dtype,
    )(x)
    y = norm(f"{name}_norm")(y)
    y = _dense(y, 4 * width, f"{name}_mlp_hidden", dtype, "gelu")
    y = _dense(y, width, f"{name}_mlp_output", dtype)
    y = LayerScale(name=f"{name}_scale", dtype=dtype)(y)
    return layers.Add(name=f"{name}_add", dtype=dtype)([x, y])
