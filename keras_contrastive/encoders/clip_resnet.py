from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_contrastive.encoders.checks import check_image_shape
from keras_contrastive.encoders.checks import check_stages
from keras_contrastive.encoders.checks import check_statistics
from keras_contrastive.encoders.conv_norm import conv_norm
from keras_contrastive.encoders.functional_encoder import FunctionalEncoder
from keras_contrastive.encoders.standardize import standardize
from keras_contrastive.layers.transformer.mean_query_pooling import (
    MeanQueryPooling,
)
from keras_contrastive.validation import check_positive_int

# The stem and the stages divide height and width by this.
_STRIDE = 32


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CLIPResNet(FunctionalEncoder):
    """CLIP's residual network: maps images to one vector each.

    It differs from `ResNet` in three ways: the stem has three 3x3 convolutions;
    after the first of them, average poolings before or after convolutions of
    stride 1 replace strides; and the last feature map is pooled by attention,
    with its mean as the query. RN50 is `CLIPResNet((3, 4, 6, 3), 1024)`, RN101
    is `CLIPResNet((3, 4, 23, 3), 512)`.

    Args:
        stack_sizes: Sequence of four ints, bottleneck blocks per stage.
        output_dim: Int, dimension of the result.
        width: Even int, channels of the first stage, whose output has four
            times as many.
        num_heads: Int, heads of the attention pooling; divides `32 * width`.
            Defaults to `width / 2`, heads of 64 channels.
        input_shape: Tuple `(height, width, channels)` of ints, height and
            width at least 32.
        mean: Tuple of floats, one per channel, which are first subtracted from
            the images, or `None`. Requires `std`.
        std: Tuple of positive floats, by which the result is divided.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`, such as `dtype`.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, channels)`.
        training: Whether batch normalization uses the batch's statistics.

    Returns:
        Float tensor of shape `(batch, output_dim)`.

    Raises:
        ValueError: If a size is below 1, `width` is odd, `num_heads` does not
            divide the channels, the images are too small, or `mean` and `std`
            are not one number per channel.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.CLIPResNet(
        (1, 1, 1, 1), output_dim=16, width=8, input_shape=(64, 64, 3)
    )
    print(encoder(np.ones((2, 64, 64, 3))).shape)
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, section 2.4; Zhang, 2019, Making Convolutional
        Networks Shift-Invariant Again.
    """

    def __init__(
        self,
        stack_sizes: Sequence[int],
        output_dim: int,
        width: int = 64,
        num_heads: int | None = None,
        input_shape: tuple[int, int, int] = (224, 224, 3),
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        stack_sizes = check_stages("stack_sizes", stack_sizes, 4)
        width = check_positive_int("width", width)
        if width % 2:
            raise ValueError(f"`width` must be even. Received: width={width}")
        shape = check_image_shape(input_shape, _STRIDE)
        if None in shape:
            raise ValueError(
                "`input_shape` must be of images of one size. "
                f"Received: input_shape={input_shape}"
            )
        output_dim = check_positive_int("output_dim", output_dim)
        if num_heads is None:
            num_heads = max(width // 2, 1)
        num_heads = check_positive_int("num_heads", num_heads)
        if 32 * width % num_heads:
            raise ValueError(
                "`num_heads` must divide 32 * width, the channels of the last "
                f"stage. Received: num_heads={num_heads}, width={width}"
            )
        mean, std = check_statistics(mean, std, shape[2])
        dtype = kwargs.get("dtype")

        images = keras.Input(shape, name="images")
        x = standardize(images, mean, std, dtype)
        # Pads both sides equally, unlike "same".
        x = layers.ZeroPadding2D(
            1, data_format="channels_last", name="stem_pad", dtype=dtype
        )(x)
        x = conv_norm(x, width // 2, 3, 2, "stem1", dtype, padding="valid")
        x = conv_norm(x, width // 2, 3, 1, "stem2", dtype)
        x = conv_norm(x, width, 3, 1, "stem3", dtype)
        x = _average(x, "stem", dtype)
        for stage, blocks in enumerate(stack_sizes):
            for block in range(blocks):
                x = _bottleneck(
                    x,
                    width * 2**stage,
                    is_strided=stage > 0 and block == 0,
                    name=f"stage{stage + 1}_block{block + 1}",
                    dtype=dtype,
                )
        outputs = MeanQueryPooling(
            num_heads, output_dim, name="pool", dtype=dtype
        )(x)
        super().__init__(images, outputs, name=name, **kwargs)

        self.stack_sizes = stack_sizes
        self.output_dim = output_dim
        self.width = width
        self.num_heads = num_heads
        self.mean = mean
        self.std = std


def _average(x, name, dtype):
    return layers.AveragePooling2D(
        2, data_format="channels_last", name=f"{name}_average", dtype=dtype
    )(x)


def _bottleneck(x, channels, is_strided, name, dtype):
    shortcut = x
    if is_strided or x.shape[-1] != 4 * channels:
        if is_strided:
            shortcut = _average(x, f"{name}_shortcut", dtype)
        shortcut = conv_norm(
            shortcut,
            4 * channels,
            1,
            1,
            f"{name}_shortcut",
            dtype,
            activate=False,
        )
    x = conv_norm(x, channels, 1, 1, f"{name}_1", dtype)
    x = conv_norm(x, channels, 3, 1, f"{name}_2", dtype)
    if is_strided:
        x = _average(x, f"{name}_2", dtype)
    x = conv_norm(
        x, 4 * channels, 1, 1, f"{name}_3", dtype, gain="zeros", activate=False
    )
    x = layers.Add(name=f"{name}_add", dtype=dtype)([x, shortcut])
    return layers.ReLU(name=f"{name}_relu", dtype=dtype)(x)
