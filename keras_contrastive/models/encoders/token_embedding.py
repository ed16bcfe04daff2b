import keras
import numpy as np

from keras_contrastive.models.encoders.concrete import concrete


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TokenEmbedding(keras.layers.Embedding):
    """An embedding of token ids that says which ids it does not know.

    Backends differ in what they do with an id outside the vocabulary: an
    error, NaN, or the vector of another token. Outside of training, where the
    ids can be looked at, this layer raises.

    Args:
        input_dim: Int, size of the vocabulary.
        output_dim: Int, dimension of the vectors.
        **kwargs: Those of `keras.layers.Embedding`.

    Call arguments:
        inputs: Int tensor of shape `(batch, tokens)`.
        training: Whether this is training, in which nothing is checked.

    Returns:
        Float tensor of shape `(batch, tokens, output_dim)`.

    Raises:
        ValueError: If an id is not in [0, `input_dim`).
    """

    def call(self, inputs, training=False):
        if not training:
            check_vocabulary(inputs, self.input_dim)
        return super().call(inputs)

    def compute_output_spec(self, inputs, training=False):
        return super().compute_output_spec(inputs)


def check_vocabulary(tokens, vocabulary_size):
    """Raises if concrete `tokens` are not ids in [0, `vocabulary_size`)."""
    tokens = concrete(tokens)
    if tokens is None or not tokens.size:
        return
    if tokens.min() < 0 or tokens.max() >= vocabulary_size:
        outside = (tokens < 0) | (tokens >= vocabulary_size)
        raise ValueError(
            "`tokens` must be ids in [0, vocabulary_size), that is below "
            f"{vocabulary_size}. Received: {np.unique(tokens[outside])[:5]}, "
            f"first in row {int(np.argmax(outside.any(axis=-1)))}; the "
            "vocabulary must be that of the tokenizer."
        )
