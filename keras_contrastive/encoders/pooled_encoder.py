import keras
from keras import layers
from keras import ops

from keras_contrastive.encoders.backbone_families import num_prefix_tokens_of
from keras_contrastive.encoders.backbone_families import token_pooling_of
from keras_contrastive.encoders.backbone_inputs import rescales
from keras_contrastive.encoders.backbone_outputs import choose_output
from keras_contrastive.encoders.backbone_outputs import data_format_of
from keras_contrastive.encoders.backbone_outputs import text_inputs
from keras_contrastive.encoders.backbone_positions import fill_position_ids
from keras_contrastive.encoders.backbone_positions import write_back_positions
from keras_contrastive.layers.transformer import token_pooling
from keras_contrastive.layers.transformer.end_token_pooling import (
    EndTokenPooling,
)
from keras_contrastive.layers.transformer.token_pooling import TokenPooling
from keras_contrastive.trainer.correct_bfloat16 import CorrectBfloat16
from keras_contrastive.validation import check_choice


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PooledEncoder(CorrectBfloat16, keras.Model):
    """A backbone followed by a pooling; created by `pooled`, see there."""

    def __init__(
        self,
        backbone,
        pooling=None,
        output=None,
        end_id=None,
        pad_id=None,
        preprocessing=None,
        name=None,
        data_format=None,
    ):
        _check_data_format(data_format)
        inputs, backbone_inputs = _inputs_like(_inputs_of(backbone))
        fill_position_ids(backbone)
        if preprocessing is None and rescales(backbone):
            preprocessing = layers.Rescaling(255.0, name="preprocessing")
        x = backbone_inputs
        if preprocessing is not None:
            x = _preprocess(x, preprocessing)
        key, x = choose_output(backbone(x), output, pooling)
        tokens, valid = text_inputs(backbone_inputs, key)
        if pad_id is not None:
            if tokens is None or valid is not None:
                raise ValueError(
                    "`pad_id` must be left out for a backbone that has a "
                    "`padding_mask` input or reads no tokens. "
                    f"Received: pad_id={pad_id}"
                )
            valid = ops.not_equal(tokens, pad_id)
        # Not the dtype of the backbone, which a functional model does not keep.
        dtype = x.dtype

        rank = len(x.shape)
        if rank == 4:
            pooling = pooling or "mean"
            data_format = data_format or data_format_of(backbone)
            pool = _feature_map_pooling(pooling, data_format)
            outputs = pool(name="pool", dtype=dtype)(x)
        elif rank == 3:
            if pooling is None:
                pooling = "end" if end_id is not None else None
            pooling = pooling or _token_pooling(backbone, x, end_id)
            if pooling == "end":
                _check_end(tokens, end_id)
                outputs = EndTokenPooling(end_id, name="pool", dtype=dtype)(
                    x, tokens
                )
            else:
                _check_token_pooling(pooling, tokens, valid)
                outputs = TokenPooling(
                    pooling,
                    num_prefix_tokens_of(backbone),
                    name="pool",
                    dtype=dtype,
                )(x, valid)
        elif rank == 2 and pooling is None:
            outputs = x
        else:
            raise ValueError(
                "`pooling` must be left out for a backbone that gives vectors; "
                "other outputs must be tokens, (batch, tokens, dim), or "
                "feature maps, of rank 4. Received: "
                f"pooling={pooling!r} with an output of shape {tuple(x.shape)}"
            )
        if end_id is not None and pooling != "end":
            raise ValueError(
                '`end_id` must be left out unless `pooling` is "end". '
                f"Received: end_id={end_id}, pooling={pooling!r}"
            )
        if outputs.shape[-1] is None:
            raise ValueError(
                "`backbone` must give vectors of a known size. Received: an "
                f"output of shape {tuple(x.shape)}"
            )
        if data_format is not None and rank != 4:
            raise ValueError(
                "`data_format` must be left out unless the backbone gives "
                f"feature maps, of rank 4. Received: data_format="
                f"{data_format!r} with an output of shape {tuple(x.shape)}"
            )
        super().__init__(inputs, outputs, name=name)

        self.backbone = backbone
        self.pooling = pooling
        self.output_key = key
        self.end_id = end_id
        self.pad_id = pad_id
        self.preprocessing = preprocessing
        self.data_format = data_format

    def save_own_variables(self, store):
        write_back_positions(self.backbone)
        super().save_own_variables(store)

    def get_config(self):
        return {
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "pooling": self.pooling,
            "output": self.output_key,
            "end_id": self.end_id,
            "pad_id": self.pad_id,
            "preprocessing": keras.saving.serialize_keras_object(
                self.preprocessing
            ),
            "name": self.name,
            "data_format": self.data_format,
            "trainable": self.trainable,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        deserialize = keras.saving.deserialize_keras_object
        backbone = deserialize(config.pop("backbone"))
        config["preprocessing"] = deserialize(config["preprocessing"])
        trainable = config.pop("trainable")
        encoder = cls(backbone, **config)
        # Not set to True otherwise, since the backbone alone may be frozen.
        if not trainable:
            encoder.trainable = False
        return encoder


def _inputs_of(backbone):
    try:
        if isinstance(backbone, keras.Sequential):
            return backbone.inputs[0]
        return backbone.input
    except (AttributeError, ValueError):
        raise ValueError(
            "`backbone` must be a Keras model that knows its inputs: a "
            "functional model, or a built Sequential model. Convert any other "
            "by `x = keras.Input(shape)` and `keras.Model(x, backbone(x))`. "
            f"Received: backbone={backbone!r}"
        ) from None


def _inputs_like(inputs):
    """New inputs like a backbone's, and the arguments to call it with."""
    new = keras.tree.map_structure(
        lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name),
        inputs,
    )
    # A single image or text needs no dict.
    flat = keras.tree.flatten(new)
    return (flat[0] if len(flat) == 1 else new), new


def _preprocess(inputs, preprocessing):
    if not callable(preprocessing):
        raise ValueError(
            "`preprocessing` must be a layer or a function of the inputs. "
            f"Received: preprocessing={preprocessing!r}"
        )
    """The inputs of the backbone, with its images preprocessed."""
    if len(keras.tree.flatten(inputs)) > 1:
        raise ValueError(
            "`preprocessing` must be left out for a backbone with several "
            f"inputs. Received: preprocessing={preprocessing!r} with "
            f"{sorted(inputs)}"
        )
    return keras.tree.map_structure(preprocessing, inputs)


def _check_data_format(data_format):
    formats = "channels_last", "channels_first", None
    check_choice("data_format", data_format, formats)


def _feature_map_pooling(pooling, data_format):
    classes = {
        "mean": layers.GlobalAveragePooling2D,
        "max": layers.GlobalMaxPooling2D,
    }
    check_choice("pooling", pooling, classes, "for a backbone of feature maps")
    return lambda **kwargs: classes[pooling](data_format=data_format, **kwargs)


def _token_pooling(backbone, output, end_id):
    pooling = token_pooling_of(backbone)
    if pooling is None:
        raise ValueError(
            "`pooling` must be given for a backbone whose usual pooling is not "
            'known: "cls" (the first token), "mean", "max", "last" (the last '
            'valid token) or "end" (at the token `end_id`). '
            "Received: pooling=None with a "
            f"{type(backbone).__name__} that gives {tuple(output.shape)}"
        )
    return pooling


def _check_end(tokens, end_id):
    if end_id is None or tokens is None:
        raise ValueError(
            "`end_id`, the id of the end token, must be given for pooling at "
            "it, and the backbone must read token ids. Received: "
            f"end_id={end_id}, token ids: {tokens}"
        )


def _check_token_pooling(pooling, tokens, valid):
    check_choice("pooling", pooling, token_pooling.POOLINGS)
    if pooling != "cls" and tokens is not None and valid is None:
        raise ValueError(
            "`pad_id`, the id of padding, must be given for a backbone that "
            "has no `padding_mask` among its inputs; otherwise padding would "
            f"be pooled too. Received: pad_id=None with pooling={pooling!r}"
        )
