import keras
import numpy as np
from keras import ops

from keras_contrastive.data_validation import concrete


@keras.saving.register_keras_serializable(package="keras_contrastive")
class EndTokenPooling(keras.layers.Layer):
    """The features at the first end token of each row.

    Under a causal mask this is the only position that has seen the whole text
    and no padding. The layer finds it by its id. The rule of CLIP's first code,
    the position of the highest id, fails with added tokens. The layer takes the
    first end token, since some tokenizers pad with the same id.

    Checkpoints of CLIP's first code with added tokens do not name an end token:
    for those, `end_id=None` pools at the position of the highest id.

    A row without an end token is an error. It can only be raised if the ids are
    concrete, and not in training, where a step may be compiled. In training,
    such a row is pooled at its last position.

    Args:
        end_id: Int, id of the end token, or `None` for the highest id of each
            row.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, width)`.
        tokens: Int tensor of shape `(batch, tokens)`.
        training: Whether the model trains, which skips the check.

    Returns:
        Float tensor of shape `(batch, width)`.

    Raises:
        ValueError: If a row has no end token.
    """

    def __init__(self, end_id, **kwargs):
        super().__init__(**kwargs)
        self.end_id = end_id
        self.supports_masking = True

    def call(self, inputs, tokens, training=False):
        if self.end_id is None:
            # Ids are below 2^24, so float32 holds them exactly.
            ids = ops.cast(tokens, "float32")
            is_end = ids == ops.max(ids, axis=1, keepdims=True)
        else:
            if not training:
                check_end(tokens, self.end_id)
            is_end = ops.equal(tokens, self.end_id)
        return take_token(inputs, _first(is_end))

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_shape(self, inputs_shape, tokens_shape):
        return (inputs_shape[0], inputs_shape[-1])

    def get_config(self):
        return {**super().get_config(), "end_id": self.end_id}


def take_token(x, index):
    """`x[i, index[i]]` for each row: (batch, tokens, width) and (batch,)."""
    # Not `take_along_axis`, which torch.export ties to one batch size.
    is_taken = ops.arange(ops.shape(x)[1], dtype="int32") == index[:, None]
    return ops.sum(ops.where(is_taken[:, :, None], x, 0), axis=1)


def check_end(tokens, end_id):
    """Raises if a row of concrete `tokens` has no `end_id`, unless `None`."""
    tokens = concrete(tokens)
    if tokens is None or end_id is None:
        return
    without = np.flatnonzero(~(tokens == end_id).any(axis=-1))
    if without.size:
        shown = ", ".join(map(str, without[:5]))
        raise ValueError(
            "`tokens` must have the end token, where the text is pooled, in "
            f"each row: end_id={end_id}. Received: {without.size} of "
            f"{len(tokens)} rows without (row {shown}"
            f"{', ...' if without.size > 5 else ''}); a tokenizer must keep "
            "the end token when it truncates."
        )


def _first(is_there):
    """The first position in each row that is true, or else the last one."""
    # In float32, since TensorFlow has no GPU kernels for integers. Not by
    # `ops.argmax`: for floats on TensorFlow, Keras looks at their bits, which
    # ONNX cannot.
    place = ops.arange(ops.shape(is_there)[1], dtype="float32")
    place = ops.where(is_there, place, ops.max(place))
    return ops.cast(ops.min(place, axis=1), "int32")
