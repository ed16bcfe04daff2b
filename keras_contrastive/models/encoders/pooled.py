import keras

from keras_contrastive.models.encoders.pooled_encoder import PooledEncoder


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
    """Any backbone as an encoder: one vector per image or text.

    What a backbone gives is pooled by its rank and its family:

    - vectors `(batch, dim)` stay;
    - feature maps, of rank 4, are averaged over the image, in the backbone's
      data format (see `data_format`); of a dict of stages the last one;
    - the tokens of a vision transformer are read at the class token where
      there is one, and averaged where not (Swin);
    - of BERT, ALBERT, ELECTRA and FNet it is the `pooled_output`, of other
      bidirectional text models the mean over what is not padding, of causal
      ones the last token that is not padding, of CLIP's the features at the
      end token.

    The families are those of keras-hub. For tokens of another backbone it
    takes `pooling`.

    Args:
        backbone: Functional or built Sequential Keras model, such as those of
            keras-hub and `keras.applications` with `include_top=False`.
        pooling: `"mean"` or `"max"` over feature maps or over tokens that are
            neither class token nor padding; `"cls"`, the first token;
            `"last"`, the last one that is not padding; `"end"`, the first one
            with the id `end_id`. Defaults to what is said above.
        output: Key or index of the output to pool, for a backbone with
            several. Defaults to `"pooled_output"`, to `"sequence_output"` if
            `pooling` is given, or to the stage with the highest number.
        end_id: Int, id of the end token; it makes `"end"` the default.
        pad_id: Int, id of the padding token, for a text backbone without
            `padding_mask` among its inputs.
        preprocessing: Layer between images in [0, 1] and the backbone: the
            `keras.layers.Normalization` or `Rescaling` that its weights were
            trained with. Defaults to `Rescaling(255)` for a backbone that
            itself rescales images in [0, 255], such as the EfficientNets,
            MobileNetV3 and ConvNeXt of `keras.applications`, and to nothing
            for others. `keras.layers.Identity()` leaves any images alone.
        name: Name of the encoder.
        data_format: `"channels_last"` or `"channels_first"`, the format of
            the feature maps. Defaults to that of the backbone's layers, and
            for a backbone whose layers name none to
            `keras.config.image_data_format()` at the time. The encoder keeps
            it, in files as well.

    Returns:
        A `keras.Model` with the backbone as `backbone`, which shares its
        weights. It takes what the backbone takes, but an image or text alone
        instead of a dict with one entry, and gives vectors `(batch, dim)`.

    Raises:
        ValueError: If the backbone does not know its inputs, or how to pool it
            is not clear; the message says which argument decides.

    `position_ids` that are all zero, as in keras-hub's `CLIPVisionEncoder`
    and both encoders of SigLIP without a preset, are filled with 0, 1, 2, ...:
    without, no patch or token would know where it is.

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
