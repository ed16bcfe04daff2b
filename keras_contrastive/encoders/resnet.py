from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_contrastive.encoders.checks import check_image_shape
from keras_contrastive.encoders.checks import check_stages
from keras_contrastive.encoders.conv_norm import conv_norm
from keras_contrastive.encoders.functional_encoder import FunctionalEncoder
from keras_contrastive.layers.max_pooling2d import MaxPooling2D
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ResNet(FunctionalEncoder):
    """Residual network encoder: maps images to one vector each.

    It is the network of He et al. in the form used in self-supervised
    learning: the stride of a bottleneck is in its 3x3 convolution, and the
    network ends with global average pooling. Use `ResNet18`, `ResNet34` or
    `ResNet50`.

    Args:
        block_type: `"basic"` (two 3x3 convolutions) or `"bottleneck"`
            (1x1, 3x3, 1x1 with four times the channels).
        stack_sizes: Sequence of four ints, blocks per stage; the stages have
            `width`, `2 * width`, `4 * width` and `8 * width` channels.
        stem: `"cifar"`: a 3x3 convolution of stride 1 and no pooling, for
            images of about 32 pixels; `"imagenet"`: a 7x7 convolution of
            stride 2 and a 3x3 max-pooling of stride 2.
        width: Int, channels of the first stage. Defaults to 64.
        input_shape: Tuple `(height, width, channels)`; height and width may be
            `None`. Defaults to `(32, 32, 3)` for the CIFAR stem and
            `(224, 224, 3)` for the other.
        zero_init_residual: Whether the last BatchNorm gain of each block
            starts at zero instead of one, so that every block starts as the
            identity: the papers' choice for long runs on large batches. In
                short runs the results are worse, see `docs/results.md`.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`, such as `dtype`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, for
            every `keras.config.image_data_format()`.

    Returns:
        Float tensor of shape `(batch, output_dim)` with `output_dim`
        `8 * width`, or `32 * width` for bottlenecks.

    Raises:
        ValueError: If `block_type` or `stem` is unknown, or `width` below 1.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.ResNet18(stem="cifar", width=8)
    print(encoder(np.ones((2, 32, 32, 3))).shape)
    ```

    Reference:
        He et al., 2016, Deep Residual Learning for Image Recognition; CIFAR
        stem as in Chen et al., 2020 (SimCLR), appendix B.9; zero gains as in
        Goyal et al., 2017, Accurate, Large Minibatch SGD, section 5.1.
    """

    def __init__(
        self,
        block_type: str,
        stack_sizes: Sequence[int],
        stem: str,
        width: int = 64,
        input_shape: Any = None,
        zero_init_residual: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        check_choice("block_type", block_type, _BLOCKS)
        check_choice("stem", stem, _STEMS)
        width = check_positive_int("width", width)
        zero_init_residual = check_bool(
            "zero_init_residual", zero_init_residual
        )
        make_stem, default_shape = _STEMS[stem]
        make_block = _BLOCKS[block_type]
        stack_sizes = check_stages("stack_sizes", stack_sizes)
        if input_shape is None:
            input_shape = default_shape
        input_shape = check_image_shape(input_shape, 1)
        dtype = kwargs.get("dtype")

        inputs = keras.Input(input_shape, name="images")
        x = make_stem(inputs, width, dtype)
        for stage, blocks in enumerate(stack_sizes):
            for block in range(blocks):
                x = make_block(
                    x,
                    width * 2**stage,
                    stride=2 if stage > 0 and block == 0 else 1,
                    last_gain="zeros" if zero_init_residual else "ones",
                    name=f"stage{stage + 1}_block{block + 1}",
                    dtype=dtype,
                )
        outputs = layers.GlobalAveragePooling2D(
            data_format="channels_last", name="pool", dtype=dtype
        )(x)
        super().__init__(inputs, outputs, name=name, **kwargs)

        self.block_type = block_type
        self.stack_sizes = tuple(stack_sizes)
        self.stem = stem
        self.width = width
        self.zero_init_residual = zero_init_residual


def ResNet18(
    stem: str = "imagenet",
    width: int = 64,
    input_shape: Any = None,
    **kwargs: Any,
) -> ResNet:
    """ResNet-18: basic blocks, 2-2-2-2; see `ResNet` for the arguments."""
    kwargs.setdefault("name", "resnet18")
    return ResNet("basic", (2, 2, 2, 2), stem, width, input_shape, **kwargs)


def ResNet34(
    stem: str = "imagenet",
    width: int = 64,
    input_shape: Any = None,
    **kwargs: Any,
) -> ResNet:
    """ResNet-34: basic blocks, 3-4-6-3; see `ResNet` for the arguments."""
    kwargs.setdefault("name", "resnet34")
    return ResNet("basic", (3, 4, 6, 3), stem, width, input_shape, **kwargs)


def ResNet50(
    stem: str = "imagenet",
    width: int = 64,
    input_shape: Any = None,
    **kwargs: Any,
) -> ResNet:
    """ResNet-50: bottlenecks, 3-4-6-3; see `ResNet` for the arguments."""
    kwargs.setdefault("name", "resnet50")
    return ResNet(
        "bottleneck", (3, 4, 6, 3), stem, width, input_shape, **kwargs
    )


def _shortcut(x, filters, stride, name, dtype):
    if stride == 1 and x.shape[-1] == filters:
        return x
    return conv_norm(
        x, filters, 1, stride, f"{name}_shortcut", dtype, activate=False
    )


def _add(x, shortcut, name, dtype):
    x = layers.Add(name=f"{name}_add", dtype=dtype)([x, shortcut])
    return layers.ReLU(name=f"{name}_relu", dtype=dtype)(x)


def _basic_block(x, channels, stride, last_gain, name, dtype):
    shortcut = _shortcut(x, channels, stride, name, dtype)
    x = conv_norm(x, channels, 3, stride, f"{name}_1", dtype)
    x = conv_norm(
        x, channels, 3, 1, f"{name}_2", dtype, last_gain, activate=False
    )
    return _add(x, shortcut, name, dtype)


def _bottleneck_block(x, channels, stride, last_gain, name, dtype):
    shortcut = _shortcut(x, 4 * channels, stride, name, dtype)
    x = conv_norm(x, channels, 1, 1, f"{name}_1", dtype)
    x = conv_norm(x, channels, 3, stride, f"{name}_2", dtype)
    x = conv_norm(
        x,
        4 * channels,
        1,
        1,
        f"{name}_3",
        dtype,
        gain=last_gain,
        activate=False,
    )
    return _add(x, shortcut, name, dtype)


def _cifar_stem(x, width, dtype):
    return conv_norm(x, width, 3, 1, "stem", dtype)


def _imagenet_stem(x, width, dtype):
    x = conv_norm(x, width, 7, 2, "stem", dtype)
    return MaxPooling2D(
        3,
        2,
        padding="same",
        data_format="channels_last",
        name="stem_pool",
        dtype=dtype,
    )(x)


_BLOCKS = {"basic": _basic_block, "bottleneck": _bottleneck_block}
_STEMS = {
    "cifar": (_cifar_stem, (32, 32, 3)),
    "imagenet": (_imagenet_stem, (224, 224, 3)),
}
