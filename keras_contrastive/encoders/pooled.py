import keras

from keras_contrastive.encoders.pooled_encoder import PooledEncoder


def pooled(
    backbone: keras.Model,
    pooling: str | None = None,
    output: str | int | None = None,
    end_id: int | None = None,
    pad_id: int | None = None,
    preprocessing: keras.layers.Layer | None = None,
    name: str | None = None,
    data_format: str | None = None,
) -> keras.Model:
    """Turns any backbone into an encoder: one vector per image or text.

    The output of the backbone is pooled according to its rank and family:

    - vectors `(batch, dim)` are not changed;
    - feature maps, of rank 4, are averaged over the image, in the backbone's
      data format (see `data_format`); a dict of stages uses the last stage;
    - a vision transformer uses its class token if there is one, and otherwise
      (Swin) the mean over its tokens;
    - BERT, ALBERT, ELECTRA and FNet use the `pooled_output`, other
      bidirectional text models the mean over tokens that are not padding,
      causal ones the last token that is not padding, and CLIP's text encoder
      the features at the end token.

    The families are those of keras-hub. Tokens of any other backbone need
    `pooling`.

    Args:
        backbone: Functional or built Sequential Keras model, such as those of
            keras-hub and `keras.applications` with `include_top=False`.
        pooling: `"mean"` or `"max"` over feature maps or over tokens that are
            neither class token nor padding; `"cls"`, the first token;
            `"last"`, the last one that is not padding; `"end"`, the first one
            with the id `end_id`. Defaults to the rules above.
        output: Key or index of the output to pool, for a backbone with
            several. Defaults to `"pooled_output"`, to `"sequence_output"` if
            `pooling` is given, or to the stage with the highest number.
        end_id: Int, id of the end token; it makes `"end"` the default pooling.
        pad_id: Int, id of the padding token, for a text backbone without
            `padding_mask` among its inputs.
        preprocessing: Layer between images in [0, 1] and the backbone: the
            `keras.layers.Normalization` or `Rescaling` that its weights were
            trained with. Defaults to `Rescaling(255)` for a backbone that
            rescales images in [0, 255] itself, such as the EfficientNets,
            MobileNetV3 and ConvNeXt of `keras.applications`, and to no layer
            for others. `keras.layers.Identity()` never changes the images.
        name: Name of the encoder.
        data_format: `"channels_last"` or `"channels_first"`, the format of
            the feature maps. Defaults to that of the backbone's layers, or, if
            no layer names one, to the current
            `keras.config.image_data_format()`. The encoder keeps it, also in
            saved files.

    Returns:
        A `keras.Model` with the backbone as `backbone`, which shares its
        weights. It takes the inputs of the backbone, but an image or text alone
        instead of a dict with one entry, and returns vectors `(batch, dim)`.

    Raises:
        ValueError: If the backbone does not know its inputs, or if its pooling
            is ambiguous; the message names the argument to pass.

    `position_ids` that are all zero, as in keras-hub's `CLIPVisionEncoder`
    and both encoders of SigLIP without a preset, are set to 0, 1, 2, ...:
    otherwise the patches and tokens would have no positions.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    backbone = keras.Sequential([
        keras.Input((32, 32, 3)),
        keras.layers.Conv2D(16, 4, strides=4),
    ])
    encoder = kc.models.pooled(backbone)
    print(encoder(np.ones((2, 32, 32, 3))).shape)  # (2, 16)
    ```
    """
    return PooledEncoder(
        backbone,
        pooling,
        output,
        end_id,
        pad_id,
        preprocessing,
        name,
        data_format,
    )
