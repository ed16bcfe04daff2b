from typing import Any

import keras
from keras import layers

from keras_contrastive.encoders.checks import check_image_shape
from keras_contrastive.encoders.checks import check_statistics
from keras_contrastive.encoders.checks import check_transformer
from keras_contrastive.encoders.functional_encoder import FunctionalEncoder
from keras_contrastive.encoders.standardize import standardize
from keras_contrastive.layers.conv2d import Conv2D
from keras_contrastive.layers.patch_dropout import PatchDropout
from keras_contrastive.layers.transformer.attention_pooling import (
    AttentionPooling,
)
from keras_contrastive.layers.transformer.class_token import ClassToken
from keras_contrastive.layers.transformer.position_embedding import (
    PositionEmbedding,
)
from keras_contrastive.layers.transformer.resized_positions import (
    ResizedPositions,
)
from keras_contrastive.layers.transformer.transformer_block import (
    TransformerBlock,
)
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_rate


@keras.saving.register_keras_serializable(package="keras_contrastive")
class VisionTransformer(FunctionalEncoder):
    """CLIP's vision transformer: maps images to one vector each.

    It has a patch embedding by a convolution without bias, a class token,
    learned position embeddings, a LayerNorm, pre-norm blocks, and a LayerNorm
    of the class token. ViT-B/32 is `VisionTransformer(32, 768, 12, 12)`,
    ViT-B/16 is `VisionTransformer(16, 768, 12, 12)`, and ViT-L/14 is
    `VisionTransformer(14, 1024, 24, 16)`.

    Options give the transformers of other models: SigLIP's has
    `pooling="attention"`, `patch_bias=True`, `initial_norm=False`,
    `activation="gelu_tanh"` and `layer_norm_epsilon=1e-6`; CLIPA's has
    `pooling="mean"`, `class_token=True`, `initial_norm=False` and
    `norm_after_pooling=True`.

    Args:
        patch_size: Int, height and width of a patch; divides those of the
            image unless `whole_patches` is `False`.
        width: Int, dimension of the features.
        num_layers: Int, number of blocks.
        num_heads: Int, attention heads; divides `width`.
        mlp_ratio: Float, width of the MLPs' hidden layer relative to `width`.
        activation: Activation of the MLPs: `"gelu"`; for weights derived from
            OpenAI's, `"quick_gelu"`, `x sigmoid(1.702 x)`; for SigLIP's,
            `"gelu_tanh"`, an approximation of GELU.
        layer_norm_epsilon: Float, added to the variances of the LayerNorms.
        input_shape: Tuple `(height, width, channels)` of ints. `(None, None,
            channels)` takes images of any size, such as the local views of
            `DINOModel`, and needs a `position_grid`.
        mean: Tuple of floats, one per channel, which are first subtracted from
            the images, or `None`. Requires `std`.
        std: Tuple of positive floats, by which the result is divided.
        pooling: `"cls"`: the class token; `"mean"`: the mean over the patches,
            after a LayerNorm; `"attention"`: attention of a learned query to
            the tokens, after a LayerNorm, followed by an MLP, as in SigLIP.
        patch_dropout: Float in [0, 1), fraction of the patches dropped in
            training, see `layers.PatchDropout`. The class token is always kept.
        dropout: Float in [0, 1), fraction of units dropped from the outputs of
            attention and MLP of each block, in training.
        class_token: Whether there is a class token. Defaults to whether the
            `pooling` is `"cls"`.
        patch_bias: Whether the patch embedding has a bias.
        initial_norm: Whether there is a LayerNorm before the blocks.
        norm_after_pooling: Whether the last LayerNorm follows the mean
            instead of coming before it.
        output_dim: Int, dimension of a last linear layer with a bias. Defaults
            to `None`, no such layer.
        whole_patches: If `False`, height and width need not be multiples of
            `patch_size`. The rest at the right and at the bottom is then
            ignored: with patches of 14, as in one of SigLIP's encoders, 378 of
            384 pixels are used.
        position_grid: Pair of ints, rows and columns of the patches that have
            learned positions, for an `input_shape` of any height and width.
            Positions of other grids are resized from these.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`, such as `dtype`.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, channels)`.
        training: Whether to drop patches and units.

    Returns:
        Float tensor of shape `(batch, width)`, or `(batch, output_dim)`.

    Raises:
        ValueError: If a size is below 1, `position_grid` does not fit
            `input_shape`, `width` is not a multiple of
            `num_heads`, the image is not a multiple of `patch_size`, `mean` and
            `std` are not one number per channel, `pooling` is unknown, or
            `class_token` or `norm_after_pooling` does not fit the `pooling`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.VisionTransformer(
        patch_size=8, width=32, num_layers=2, num_heads=2,
        input_shape=(32, 32, 3), patch_dropout=0.5,
    )
    print(encoder(np.ones((2, 32, 32, 3))).shape)
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, section 2.4; Dosovitskiy et al., 2021, An Image
        is Worth 16x16 Words; Zhai et al., 2023, Sigmoid Loss for Language
        Image Pre-Training; Li et al., 2023, An Inverse Scaling Law for CLIP
        Training (CLIPA).
    """

    def __init__(
        self,
        patch_size: int,
        width: int,
        num_layers: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-5,
        input_shape: tuple[int, int, int] = (224, 224, 3),
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        pooling: str = "cls",
        patch_dropout: float = 0.0,
        dropout: float = 0.0,
        class_token: bool | None = None,
        patch_bias: bool = False,
        initial_norm: bool = True,
        norm_after_pooling: bool = False,
        output_dim: int | None = None,
        whole_patches: bool = True,
        position_grid: tuple[int, int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        patch_size = check_positive_int("patch_size", patch_size)
        width, num_layers, num_heads = check_transformer(
            width,
            num_layers,
            num_heads,
            mlp_ratio,
            activation,
            layer_norm_epsilon,
            dropout,
        )
        patch_dropout = check_rate("patch_dropout", patch_dropout)
        if class_token is not None:
            class_token = check_bool("class_token", class_token)
        patch_bias = check_bool("patch_bias", patch_bias)
        initial_norm = check_bool("initial_norm", initial_norm)
        norm_after_pooling = check_bool(
            "norm_after_pooling", norm_after_pooling
        )
        whole_patches = check_bool("whole_patches", whole_patches)
        has_class_token = _check_pooling(
            pooling, class_token, norm_after_pooling
        )
        if output_dim is not None:
            output_dim = check_positive_int("output_dim", output_dim)
        shape = check_image_shape(input_shape, 1)
        if position_grid is not None:
            position_grid = _pair("position_grid", position_grid)
        _check_shape(shape, patch_size, whole_patches, position_grid)
        mean, std = check_statistics(mean, std, shape[2])
        dtype = kwargs.get("dtype")
        if position_grid is None:
            rows, columns = (size // patch_size for size in shape[:2])
        else:
            rows, columns = position_grid

        def norm(name):
            return layers.LayerNormalization(
                epsilon=layer_norm_epsilon, name=name, dtype=dtype
            )

        images = keras.Input(shape, name="images")
        x = standardize(images, mean, std, dtype)
        x = Conv2D(
            width,
            patch_size,
            strides=patch_size,
            use_bias=patch_bias,
            data_format="channels_last",
            # Uniform in +-fan_in^-1/2, as in CLIP's code.
            kernel_initializer=keras.initializers.VarianceScaling(
                1 / 3, "fan_in", "uniform"
            ),
            name="patch_embedding",
            dtype=dtype,
        )(x)
        patches = x
        num_patches = rows * columns if position_grid is None else -1
        x = layers.Reshape((num_patches, width), dtype=dtype)(x)
        if has_class_token:
            x = ClassToken(name="class_token", dtype=dtype)(x)
        if position_grid is None:
            x = PositionEmbedding(
                rows * columns + has_class_token,
                name="position_embedding",
                dtype=dtype,
            )(x)
        else:
            x = ResizedPositions(
                (rows, columns),
                int(has_class_token),
                name="position_embedding",
                dtype=dtype,
            )(x, patches)
        if patch_dropout:
            x = PatchDropout(
                patch_dropout,
                num_prefix_tokens=int(has_class_token),
                name="patch_dropout",
                dtype=dtype,
            )(x)
        if initial_norm:
            x = norm("initial_norm")(x)
        for block in range(num_layers):
            x = TransformerBlock(
                num_heads,
                depth=num_layers,
                mlp_ratio=mlp_ratio,
                activation=activation,
                layer_norm_epsilon=layer_norm_epsilon,
                dropout=dropout,
                name=f"block{block + 1}",
                dtype=dtype,
            )(x)
        if pooling == "cls":
            outputs = norm("final_norm")(x[:, 0])
        elif pooling == "attention":
            outputs = AttentionPooling(
                num_heads,
                mlp_ratio=mlp_ratio,
                activation=activation,
                layer_norm_epsilon=layer_norm_epsilon,
                name="pool",
                dtype=dtype,
            )(norm("final_norm")(x))
        else:
            if not norm_after_pooling:
                x = norm("final_norm")(x)
            outputs = layers.GlobalAveragePooling1D(
                data_format="channels_last", name="pool", dtype=dtype
            )(x[:, 1:] if has_class_token else x)
            if norm_after_pooling:
                outputs = norm("final_norm")(outputs)
        if output_dim is not None:
            outputs = layers.Dense(output_dim, name="output", dtype=dtype)(
                outputs
            )
        super().__init__(images, outputs, name=name, **kwargs)

        self.patch_size = patch_size
        self.width = width
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.mlp_ratio = mlp_ratio
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.mean = mean
        self.std = std
        self.pooling = pooling
        self.patch_dropout = patch_dropout
        self.dropout = dropout
        self.class_token = class_token
        self.patch_bias = patch_bias
        self.initial_norm = initial_norm
        self.norm_after_pooling = norm_after_pooling
        self.output_dim = output_dim
        self.whole_patches = whole_patches
        self.position_grid = position_grid


def _check_pooling(pooling, class_token, norm_after_pooling):
    """Whether there is a class token."""
    check_choice("pooling", pooling, ("cls", "mean", "attention"))
    if pooling == "cls" and class_token is False:
        raise ValueError(
            '`class_token` must be left out with pooling="cls", which is the '
            f"class token. Received: class_token={class_token}"
        )
    if norm_after_pooling and pooling != "mean":
        raise ValueError(
            '`norm_after_pooling` needs pooling="mean". '
            f"Received: norm_after_pooling=True with pooling={pooling!r}"
        )
    return pooling == "cls" if class_token is None else class_token


def _pair(name, value):
    """Two positive ints as a tuple."""
    try:
        rows, columns = value
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be a pair (rows, columns). Received: {value!r}"
        ) from error
    return check_positive_int(name, rows), check_positive_int(name, columns)


def _check_shape(input_shape, patch_size, whole_patches, position_grid):
    if (position_grid is not None) != (input_shape[:2] == (None, None)):
        raise ValueError(
            "`input_shape` must be (height, width, channels), or (None, None, "
            "channels) with a `position_grid`, the rows and columns of patches "
            f"that have positions. Received: position_grid={position_grid}, "
            f"input_shape={input_shape}"
        )
    if position_grid is not None:
        return
    if any(
        size is None
        or size < patch_size
        or (whole_patches and size % patch_size)
        for size in input_shape[:2]
    ):
        raise ValueError(
            "`input_shape` must be (height, width, channels), height and "
            f"width multiples of `patch_size`. Received: "
            f"input_shape={input_shape}, patch_size={patch_size}"
        )
