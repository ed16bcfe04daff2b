import keras
import numpy as np
from keras import ops

from keras_contrastive.data_validation import concrete


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TokenEmbedding(keras.layers.Embedding):
    """An embedding of token ids that reports unknown ids.

    For an id outside the vocabulary, backends raise an error, return NaN or
    return the vector of another token. This layer raises if the ids are
    concrete. Otherwise, in compiled code, the vector of such an id is NaN, and
    never that of another token. In training, NaN would destroy the weights, so
    the ids are passed on to the backend, which may raise an error.
    `models.CLIPModel` and `models.SimCLRModel` find such ids earlier.

    Args:
        input_dim: Int, size of the vocabulary.
        output_dim: Int, dimension of the vectors.
        **kwargs: Arguments of `keras.layers.Embedding`.

    Call arguments:
        inputs: Int tensor of shape `(batch, tokens)`.
        training: Whether the model trains. Ids on an accelerator are then not
            checked, since each step would wait for the check.

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
    # Only PyTorch: on the other backends a step has no concrete values.
    device = getattr(getattr(tensor, "device", None), "type", "cpu")
    return device != "cpu"


def check_vocabulary(tokens, vocabulary_size):
    """Raises if concrete `tokens` are not ids in [0, `vocabulary_size`)."""
    tokens = concrete(tokens)
    if tokens is None or not tokens.size:
        return
    # Negate the test for inside: comparisons with NaN are False.
    outside = ~((tokens >= 0) & (tokens < vocabulary_size))
    if outside.any():
        raise ValueError(
            "`tokens` must be ids in [0, vocabulary_size), that is below "
            f"{vocabulary_size}. Received: {np.unique(tokens[outside])[:5]}, "
            f"first in row {int(np.argmax(outside.any(axis=-1)))}; the "
            "vocabulary must be that of the tokenizer."
        )
