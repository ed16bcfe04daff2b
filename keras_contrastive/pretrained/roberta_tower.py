"""RoBERTa and XLM-R as the text towers of open_clip's models."""

import re

import keras
import numpy as np

from keras_contrastive.pretrained.import_keras_hub import import_keras_hub
from keras_contrastive.pretrained.layout import TowerNames
from keras_contrastive.pretrained.layout import dense_names
from keras_contrastive.pretrained.layout import norm_names

_NAME = re.compile(r"(.*/)?(xlm-)?roberta-(base|large)")
_HEAD_WIDTH = 64
_PAD_ID = 1
# Positions start after the id of the padding.
_FIRST_POSITION = _PAD_ID + 1
# Parts of keras-hub's blocks, and their names here.
_PARTS = {
    "self_attention_layer/query": "query",
    "self_attention_layer/key": "key",
    "self_attention_layer/value": "value",
    "self_attention_layer/attention_output": "attention_output",
    "self_attention_layer_norm": "attention_norm",
    "feedforward_intermediate_dense": "mlp_hidden",
    "feedforward_output_dense": "mlp_output",
    "feedforward_layer_norm": "mlp_norm",
}
_POSITIONS = "text/position_embedding/position_embedding"


def is_roberta(name: object) -> bool:
    """Whether `name` is RoBERTa or XLM-R among transformers' models."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def roberta_names(tensors: dict) -> TowerNames:
    """The names of its weights, and of the projection that `tensors` have."""
    projection = {
        f"text/projection{i}/kernel": [name]
        for i, name in enumerate(
            each
            for each in ("proj.0.weight", "proj.2.weight", "proj.weight")
            if each in tensors
        )
    }

    def names(blocks):
        embeddings = "transformer.embeddings"
        names = {
            "text/token_embedding/embeddings": [
                f"{embeddings}.word_embeddings.weight"
            ],
            _POSITIONS: [f"{embeddings}.position_embeddings.weight"],
            "text/type_embedding/embeddings": [
                f"{embeddings}.token_type_embeddings.weight"
            ],
            **norm_names("text/embedding_norm", f"{embeddings}.LayerNorm"),
            **projection,
        }
        for i in range(blocks):
            ours, theirs = f"text/block{i}", f"transformer.encoder.layer.{i}"
            attention = f"{theirs}.attention"
            for part in ("query", "key", "value"):
                names |= dense_names(
                    f"{ours}/{part}", f"{attention}.self.{part}"
                )
            names |= {
                **dense_names(
                    f"{ours}/attention_output", f"{attention}.output.dense"
                ),
                **norm_names(
                    f"{ours}/attention_norm", f"{attention}.output.LayerNorm"
                ),
                **dense_names(
                    f"{ours}/mlp_hidden", f"{theirs}.intermediate.dense"
                ),
                **dense_names(f"{ours}/mlp_output", f"{theirs}.output.dense"),
                **norm_names(f"{ours}/mlp_norm", f"{theirs}.output.LayerNorm"),
            }
        return names

    return TowerNames(names, r"transformer\.encoder\.layer\.(\d+)\.")


def roberta_encoder(weights: dict) -> keras.Model:
    """keras-hub's RoBERTa, the mean of the tokens of a text, and projections.

    Args:
        weights: Dict from the names of `roberta_names` to arrays.

    Returns:
        Model from int tokens of shape `(batch, length)`, padded by 1, to
        vectors.

    Raises:
        ImportError: If keras-hub is not installed.
    """
    hub = import_keras_hub("Text towers of RoBERTa")
    vocabulary_size, width = weights["text/token_embedding/embeddings"].shape
    num_layers = sum(name.endswith("/query/bias") for name in weights)
    positions = weights[_POSITIONS][_FIRST_POSITION:]
    backbone = hub.models.XLMRobertaBackbone(
        vocabulary_size,
        num_layers,
        width // _HEAD_WIDTH,
        width,
        weights["text/block0/mlp_hidden/bias"].shape[0],
        max_sequence_length=len(positions),
    )
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = keras.ops.not_equal(tokens, _PAD_ID)
    x = backbone(
        {"token_ids": tokens, "padding_mask": keras.ops.cast(mask, "int32")}
    )
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x, mask=mask)
    kernels = [
        weights[name] for name in sorted(weights) if "/projection" in name
    ]
    for index, kernel in enumerate(kernels):
        is_last = index == len(kernels) - 1
        x = keras.layers.Dense(
            kernel.shape[1],
            None if is_last else "gelu",
            use_bias=False,
            name=f"projection{index}",
        )(x)
    encoder = keras.Model(tokens, x, name="roberta")
    for index, kernel in enumerate(kernels):
        encoder.get_layer(f"projection{index}").kernel.assign(kernel)
    # Every token is of the first type.
    types = weights["text/type_embedding/embeddings"]
    backbone.embeddings.position_embedding.position_embeddings.assign(
        positions + types[0]
    )
    backbone.token_embedding.embeddings.assign(
        weights["text/token_embedding/embeddings"]
    )
    for variable in backbone.embeddings_layer_norm.weights:
        variable.assign(weights[f"text/embedding_norm/{variable.name}"])
    for index, block in enumerate(backbone.transformer_layers):
        for variable in block.weights:
            part, name = variable.path.rsplit("/", 1)
            part = _PARTS[part.removeprefix(f"{block.path}/")]
            weight = weights[f"text/block{index}/{part}/{name}"]
            # keras-hub's kernels have an axis for the heads.
            variable.assign(np.reshape(weight, variable.shape))
    return encoder
