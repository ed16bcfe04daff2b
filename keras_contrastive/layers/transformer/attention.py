import sys

import keras
from keras import ops


def attend(query, key, value, num_heads, dtype, causal=False):
    """Multi-head attention, in a dtype for which the backend has gradients.

    Args:
        query: Float tensor of shape `(batch, queries, width)`.
        key: Float tensor of shape `(batch, tokens, width)`.
        value: Float tensor of shape `(batch, tokens, width)`.
        num_heads: Int, divides `width`.
        dtype: Dtype of the result.
        causal: Whether a query sees only tokens up to its own position.

    Returns:
        Float tensor of shape `(batch, queries, width)`.
    """
    batch, queries, width = ops.shape(query)

    def heads(x):
        if dtype == "float16" and _lacks_float16_attention():
            x = ops.cast(x, "float32")
        tokens = ops.shape(x)[1]
        return ops.reshape(x, (batch, tokens, num_heads, width // num_heads))

    x = ops.dot_product_attention(
        heads(query), heads(key), heads(value), is_causal=causal
    )
    return ops.reshape(ops.cast(x, dtype), (batch, queries, width))


def _lacks_float16_attention():
    """Whether the backend's attention has no gradient in float16."""
    if keras.backend.backend() != "jax":
        return False
    return sys.modules["jax"].default_backend() == "cpu"
