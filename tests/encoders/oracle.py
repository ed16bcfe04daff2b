"""A pre-norm transformer in NumPy, token by token, in float64."""

import math

import keras
import numpy as np


def weights(layer):
    """Those of a layer by their last names."""
    return {
        f"{v.path.split('/')[-2]}/{v.name}": keras.ops.convert_to_numpy(
            v
        ).astype("float64")
        for v in layer.trainable_variables
    }


def norm(x, gamma, beta, epsilon=1e-5):
    variance = x.var(-1, keepdims=True)
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(variance + epsilon)
    return x * gamma + beta


def gelu(x):
    erf = np.vectorize(math.erf)
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def quick_gelu(x):
    return x / (1 + np.exp(-1.702 * x))


def block(x, w, num_heads, causal, activation=gelu, epsilon=1e-5):
    """One sequence (tokens, width) through one block."""
    tokens, width = x.shape
    size = width // num_heads
    h = norm(x, w["attention_norm/gamma"], w["attention_norm/beta"], epsilon)
    qkv = h @ w["qkv/kernel"] + w["qkv/bias"]
    attended = np.zeros((tokens, width))
    for head in range(num_heads):
        q, k, v = (
            qkv[:, part * width + head * size :][:, :size] for part in range(3)
        )
        for i in range(tokens):
            seen = i + 1 if causal else tokens
            p = np.exp(k[:seen] @ q[i] / math.sqrt(size))
            attended[i, head * size :][:size] = p / p.sum() @ v[:seen]
    x = x + attended @ w["attention_output/kernel"] + w["attention_output/bias"]
    h = norm(x, w["mlp_norm/gamma"], w["mlp_norm/beta"], epsilon)
    h = activation(h @ w["mlp_hidden/kernel"] + w["mlp_hidden/bias"])
    return x + h @ w["mlp_output/kernel"] + w["mlp_output/bias"]


def shake(model, rng):
    """Moves all weights, so that no bias or gain can be left out unseen."""
    for variable in model.trainable_variables:
        value = keras.ops.convert_to_numpy(variable)
        noise = rng.normal(scale=0.3, size=value.shape)
        variable.assign((value + noise).astype("float32"))
