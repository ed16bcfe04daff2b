import keras
from keras import ops

from keras_contrastive.layers.transformer.end_token_pooling import take_token

POOLINGS = ("cls", "mean", "max", "last")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TokenPooling(keras.layers.Layer):
    """One vector per example from the features of its tokens.

    Args:
        pooling: `"cls"`: the first token. `"mean"` and `"max"`: over the valid
            tokens. `"last"`: the last valid token.
        num_prefix_tokens: Int, tokens at the start, such as a class token,
            that `"mean"` and `"max"` exclude.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, width)`.
        valid: Tensor of shape `(batch, tokens)`, 0 at padding. Defaults to no
            padding.

    Returns:
        Float tensor of shape `(batch, width)`; the mean of a row that is all
        padding is 0.
    """

    def __init__(self, pooling, num_prefix_tokens=0, **kwargs):
        super().__init__(**kwargs)
        self.pooling = pooling
        self.num_prefix_tokens = num_prefix_tokens
        self.supports_masking = True

    def call(self, inputs, valid=None):
        if self.pooling == "cls":
            return inputs[:, 0]
        x = inputs[:, self.num_prefix_tokens :]
        if valid is None:
            return _POOLINGS[self.pooling](x)
        valid = ops.not_equal(valid, 0)[:, self.num_prefix_tokens :]
        return _MASKED_POOLINGS[self.pooling](x, valid)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_shape(self, inputs_shape, valid_shape=None):
        return (inputs_shape[0], inputs_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "pooling": self.pooling,
            "num_prefix_tokens": self.num_prefix_tokens,
        }


def _masked_mean(x, valid):
    # `where`, since features of padding may be anything, even NaN.
    total = ops.sum(ops.where(valid[:, :, None], x, 0), axis=1)
    count = ops.sum(ops.cast(valid, x.dtype), axis=1, keepdims=True)
    return total / ops.maximum(count, 1)


def _masked_max(x, valid):
    lowest = -1e4  # Within float16.
    return ops.max(ops.where(valid[:, :, None], x, lowest), axis=1)


def _masked_last(x, valid):
    # Works for padding on the right and on the left.
    positions = ops.arange(ops.shape(x)[1], dtype="int32")
    return take_token(x, ops.max(ops.where(valid, positions, 0), axis=1))


_POOLINGS = {
    "mean": lambda x: ops.mean(x, axis=1),
    "max": lambda x: ops.max(x, axis=1),
    "last": lambda x: x[:, -1],
}
_MASKED_POOLINGS = {
    "mean": _masked_mean,
    "max": _masked_max,
    "last": _masked_last,
}
