from typing import Any

import keras
from keras import layers

from keras_contrastive.encoders.checks import check_transformer
from keras_contrastive.encoders.functional_encoder import FunctionalEncoder
from keras_contrastive.layers.transformer.end_token_pooling import (
    EndTokenPooling,
)
from keras_contrastive.layers.transformer.end_token_pooling import check_end
from keras_contrastive.layers.transformer.position_embedding import (
    PositionEmbedding,
)
from keras_contrastive.layers.transformer.token_embedding import TokenEmbedding
from keras_contrastive.layers.transformer.token_embedding import (
    check_vocabulary,
)
from keras_contrastive.layers.transformer.transformer_block import (
    TransformerBlock,
)
from keras_contrastive.normal_initializer import NormalInitializer
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TextTransformer(FunctionalEncoder):
    """CLIP's text encoder: maps each text's token ids to one vector.

    It has token embeddings, learned position embeddings, pre-norm blocks with a
    causal mask, and a LayerNorm of the features at the first `end_id` of each
    row. This is the only position that has seen the whole text and no padding.
    Tokens after the end token therefore have no effect, and no padding mask is
    needed.

    The defaults are the text encoder of CLIP's ViT-B models. For as many
    captions as Flickr30k has, a quarter of this size is enough.

    Options make it SigLIP's: `causal=False`, `pooling="last"`, `end_id=None`,
    `activation="gelu_tanh"`, `layer_norm_epsilon=1e-6` and an `output_dim`.
    The encoder then reads all positions of a row, including padding, so rows
    must be padded to the same length as in training.

    Each row must have an end token. If a row lacks it, calls outside of
    training raise, and so does `check_tokens`, which checks the data before
    training. `models.CLIPModel` stops training. Other training loops pool such
    a row at its last position.

    Args:
        vocabulary_size: Int, the number of ids of the tokenizer.
        end_id: Int, the id of the end token; or `None` to pool each text at
            its highest id without checks, as CLIP's first code does, or at
            its last position if `pooling` is `"last"`.
        context_length: Int, the maximum number of tokens of a text, including
            the end token.
        width: Int, dimension of the features.
        num_layers: Int, number of blocks.
        num_heads: Int, attention heads; divides `width`.
        mlp_ratio: Float, width of the MLPs' hidden layer relative to `width`.
        activation: Activation of the MLPs, as in a `VisionTransformer`.
        layer_norm_epsilon: Float, added to the variances of the LayerNorms.
        dropout: Float in [0, 1), fraction of units dropped from the outputs of
            attention and MLP of each block, in training.
        causal: Whether a token sees only itself and the tokens before it.
        pooling: `"end"`: the end token; `"last"`: the last position of a row,
            whatever its token.
        output_dim: Int, dimension of a last linear layer with a bias. Defaults
            to `None`, no such layer.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`, such as `dtype`.

    Call arguments:
        tokens: Int tensor of shape `(batch, length)`, `length` at most
            `context_length`.
        training: Whether to drop units.

    Returns:
        Float tensor of shape `(batch, width)`, or `(batch, output_dim)`.

    Raises:
        ValueError: If a size is below 1, `width` is not a multiple of
            `num_heads`, `end_id` is not in the vocabulary, or `pooling` is
            unknown or `"last"` with an `end_id`; in a call, if there are too
            many tokens, a token is not in the vocabulary, or a row has no end
            token.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.TextTransformer(
        vocabulary_size=100, end_id=2, context_length=8,
        width=32, num_layers=2, num_heads=2,
    )
    tokens = np.array([[1, 17, 23, 2, 0, 0], [1, 5, 2, 0, 0, 0]])
    encoder.check_tokens(tokens)
    print(encoder(tokens).shape)
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, section 2.4; Zhai et al., 2023, Sigmoid Loss for
        Language Image Pre-Training.
    """

    def __init__(
        self,
        vocabulary_size: int,
        end_id: int | None,
        context_length: int = 77,
        width: int = 512,
        num_layers: int = 12,
        num_heads: int = 8,
        mlp_ratio: float = 4.0,
        activation: str = "gelu",
        layer_norm_epsilon: float = 1e-5,
        dropout: float = 0.0,
        causal: bool = True,
        pooling: str = "end",
        output_dim: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        vocabulary_size = check_positive_int("vocabulary_size", vocabulary_size)
        context_length = check_positive_int("context_length", context_length)
        width, num_layers, num_heads = check_transformer(
            width,
            num_layers,
            num_heads,
            mlp_ratio,
            activation,
            layer_norm_epsilon,
            dropout,
        )
        causal = check_bool("causal", causal)
        if end_id is not None:
            end_id = check_int("end_id", end_id, 0)
        if end_id is not None and end_id >= vocabulary_size:
            raise ValueError(
                "`end_id` must be an id of the vocabulary, in "
                f"[0, {vocabulary_size}). Received: end_id={end_id}"
            )
        _check_pooling(pooling, end_id)
        if output_dim is not None:
            output_dim = check_positive_int("output_dim", output_dim)
        dtype = kwargs.get("dtype")

        tokens = keras.Input((None,), dtype="int32", name="tokens")
        x = TokenEmbedding(
            vocabulary_size,
            width,
            embeddings_initializer=NormalInitializer(stddev=0.02),
            name="token_embedding",
            dtype=dtype,
        )(tokens)
        x = PositionEmbedding(
            context_length, name="position_embedding", dtype=dtype
        )(x)
        for block in range(num_layers):
            x = TransformerBlock(
                num_heads,
                depth=num_layers,
                mlp_ratio=mlp_ratio,
                activation=activation,
                layer_norm_epsilon=layer_norm_epsilon,
                causal=causal,
                dropout=dropout,
                name=f"block{block + 1}",
                dtype=dtype,
            )(x)
        if pooling == "last":
            x = x[:, -1]
        else:
            x = EndTokenPooling(end_id, name="pool", dtype=dtype)(x, tokens)
        # Applied only to the pooled token, with the same result.
        outputs = layers.LayerNormalization(
            epsilon=layer_norm_epsilon, name="final_norm", dtype=dtype
        )(x)
        if output_dim is not None:
            outputs = layers.Dense(output_dim, name="output", dtype=dtype)(
                outputs
            )
        super().__init__(tokens, outputs, name=name, **kwargs)

        self.vocabulary_size = vocabulary_size
        self.end_id = end_id
        self.context_length = context_length
        self.width = width
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.mlp_ratio = mlp_ratio
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.dropout = dropout
        self.causal = causal
        self.pooling = pooling
        self.output_dim = output_dim

    def check_tokens(self, tokens: Any) -> None:
        """Raises if the encoder cannot take these tokens.

        Args:
            tokens: Array of ints of shape `(rows, length)`.

        Raises:
            ValueError: As in a call.
        """
        if len(tokens.shape) != 2 or tokens.shape[1] > self.context_length:
            raise ValueError(
                "`tokens` must be of shape (rows, length) with length at most "
                f"{self.context_length}. Received: {tuple(tokens.shape)}"
            )
        check_vocabulary(tokens, self.vocabulary_size)
        check_end(tokens, self.end_id)


def _check_pooling(pooling, end_id):
    check_choice("pooling", pooling, ("end", "last"))
    if pooling == "last" and end_id is not None:
        raise ValueError(
            '`end_id` must be None with pooling="last", which takes the last '
            f"position of each row. Received: end_id={end_id}"
        )
