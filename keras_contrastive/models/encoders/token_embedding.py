import keras
import numpy as np
from keras import ops

from keras_contrastive.validation import concrete


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TokenEmbedding(keras.layers.Embedding):
    """An embedding of token ids that says which ids it does not know.

    Backends differ in what they do with an id outside the vocabulary: an
    error, NaN, or the vector of another token. This layer raises where the ids
    can be looked at. Where they cannot, in compiled code, the vector of such an
    id is NaN, never that of another token. In training, where NaN would cost
    the weights, a backend that has an error of its own raises it;
    `models.CLIPModel` and `models.SimCLRModel` find such ids before.

    Args:
        input_dim: Int, size of the vocabulary.
        output_dim: Int, dimension of the vectors.
        **kwargs: Those of `keras.layers.Embedding`.

    Call arguments:
        inputs: Int tensor of shape `(batch, tokens)`.
        training: Whether this is training, in which ids on an accelerator are
            not looked at: each step would wait for it.

    Returns:
        Float tensor of shape `(batch, tokens, output_dim)`.

    Raises:
        ValueError: If an id is not in [0, `input_dim`).
    """

    def call(self, inputs, training=False):
        if not (training and _is_on_accelerator(inputs)):
            check_vocabulary(inputs, self.input_dim)
        if training:
            # Negative ids would count from the end.
            known = ops.where(inputs < 0, self.input_dim, inputs)
            return super().call(known)
        is_known = ops.logical_and(inputs >= 0, inputs < self.input_dim)
        outputs = super().call(ops.where(is_known, inputs, 0))
        return ops.where(is_known[..., None], outputs, float("nan"))

    def compute_output_spec(self, inputs, training=False):
        return super().compute_output_spec(inputs)


def _is_on_accelerator(tensor):
    # PyTorch alone: the values of others are not known in a step.
    device = getattr(getattr(tensor, "device", None), "type", "cpu")
    return device != "cpu"


def check_vocabulary(tokens, vocabulary_size):
    """Raises if concrete `tokens` are not ids in [0, `vocabulary_size`)."""
    tokens = concrete(tokens)
    if tokens is None or not tokens.size:
        return
    # Not by what is outside: NaN is on neither side.
    outside = ~((tokens >= 0) & (tokens < vocabulary_size))
    if outside.any():
        raise ValueError(
            "`tokens` must be ids in [0, vocabulary_size), that is below "
            f"{vocabulary_size}. Received: {np.unique(tokens[outside])[:5]}, "
            f"first in row {int(np.argmax(outside.any(axis=-1)))}; the "
            "vocabulary must be that of the tokenizer."
        )
