from typing import Any

import keras
from keras import layers

from keras_contrastive.encoders.checks import check_image_shape
from keras_contrastive.encoders.functional_encoder import FunctionalEncoder
from keras_contrastive.layers.batch_normalization import BatchNormalization
from keras_contrastive.layers.conv2d import Conv2D
from keras_contrastive.layers.max_pooling2d import MaxPooling2D
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ConvNet(FunctionalEncoder):
    """Plain convolutional encoder for small images and short training.

    It has a 3x3 convolution at full resolution, then `num_stages` stages, each
    with a 2x2 max-pooling and two 3x3 convolutions of `2 * width`, `4 * width`
    and so on channels. A BatchNorm and a ReLU follow each convolution, and
    global average pooling ends the network. It is a small VGG with BatchNorm.

    In the first thousands of steps it learned faster than a ResNet that halves
    the resolution in its first layer and whose blocks start as identities
    (`zero_init_residual`): see `docs/results.md` for the measurements.

    Args:
        width: Int, channels of the first convolution. Defaults to 16.
        num_stages: Int, number of stages, each of which halves the resolution.
            Defaults to 3.
        input_shape: Tuple `(height, width, channels)`; height and width may be
            `None`. Images have sides of at least `2 ** num_stages`. Defaults
            to `(48, 48, 3)`.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`, such as `dtype`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, for
            every `keras.config.image_data_format()`.

    Returns:
        Float tensor of shape `(batch, width * 2 ** num_stages)`.

    Raises:
        ValueError: If `width` or `num_stages` is below 1, or images are too
            small.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.ConvNet(width=8, num_stages=2)
    print(encoder(np.ones((2, 48, 48, 3))).shape)  # (2, 32)
    ```

    Reference:
        Simonyan and Zisserman, 2015, Very Deep Convolutional Networks for
        Large-Scale Image Recognition.
    """

    def __init__(
        self,
        width: int = 16,
        num_stages: int = 3,
        input_shape: Any = (48, 48, 3),
        name: str | None = None,
        **kwargs: Any,
    ):
        width = check_positive_int("width", width)
        num_stages = check_positive_int("num_stages", num_stages)
        input_shape = check_image_shape(input_shape, 2**num_stages)
        dtype = kwargs.get("dtype")
        inputs = keras.Input(input_shape, name="images")
        x = _conv(inputs, width, "stem", dtype)
        for stage in range(1, num_stages + 1):
            x = MaxPooling2D(
                data_format="channels_last",
                name=f"stage{stage}_pool",
                dtype=dtype,
            )(x)
            for block in (1, 2):
                channels = width * 2**stage
                x = _conv(x, channels, f"stage{stage}_{block}", dtype)
        outputs = layers.GlobalAveragePooling2D(
            data_format="channels_last", name="pool", dtype=dtype
        )(x)
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.width = width
        self.num_stages = num_stages


def _conv(x, channels, name, dtype):
    x = Conv2D(
        channels,
        3,
        padding="same",
        data_format="channels_last",
        use_bias=False,
        name=f"{name}_conv",
        dtype=dtype,
    )(x)
    x = BatchNormalization(name=f"{name}_norm", dtype=dtype)(x)
    return layers.ReLU(name=f"{name}_relu", dtype=dtype)(x)
