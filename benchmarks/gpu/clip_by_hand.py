"""A CLIP step written by hand in JAX: the least that one could get by with.

Pre-norm transformers of ViT-B/32's size by default, in bfloat16 but for layer
norms and the loss; AdamW, whose decay spares nothing. Nothing looks for bad
values and nothing is augmented.
"""

import jax
import jax.numpy as jnp
import numpy as np


def layer_norm(x, weights):
    x32 = x.astype("float32")
    mean = x32.mean(-1, keepdims=True)
    variance = (x32 * x32).mean(-1, keepdims=True) - mean * mean
    x32 = (x32 - mean) * jax.lax.rsqrt(variance + 1e-5)
    return (x32 * weights["gamma"] + weights["beta"]).astype(x.dtype)


def dense(x, weights):
    return x @ weights["kernel"].astype(x.dtype) + weights["bias"].astype(
        x.dtype
    )


def block(x, weights, causal):
    batch, tokens, width = x.shape
    qkv = dense(layer_norm(x, weights["attention_norm"]), weights["qkv"])
    q, k, v = jnp.moveaxis(qkv.reshape(batch, tokens, 3, width // 64, 64), 2, 0)
    y = jax.nn.dot_product_attention(q, k, v, is_causal=causal)
    x = x + dense(y.reshape(x.shape), weights["attention_output"])
    y = dense(layer_norm(x, weights["mlp_norm"]), weights["mlp_hidden"])
    return x + dense(jax.nn.gelu(y, approximate=False), weights["mlp_output"])


def initial_weights(
    size=224, patch=32, width=768, text_width=512, depth=12, dim=512
):
    rng = np.random.default_rng(0)

    def normal(*shape):
        return jnp.asarray(rng.normal(0, 0.02, shape), "float32")

    def norm(width):
        return {"gamma": jnp.ones(width), "beta": jnp.zeros(width)}

    def dense(inputs, outputs):
        return {"kernel": normal(inputs, outputs), "bias": jnp.zeros(outputs)}

    def blocks(width):
        return [
            {
                "attention_norm": norm(width),
                "qkv": dense(width, 3 * width),
                "attention_output": dense(width, width),
                "mlp_norm": norm(width),
                "mlp_hidden": dense(width, 4 * width),
                "mlp_output": dense(4 * width, width),
            }
            for _ in range(depth)
        ]

    return {
        "patches": normal(patch, patch, 3, width),
        "class": normal(width),
        "image_positions": normal((size // patch) ** 2 + 1, width),
        "image_norm": norm(width),
        "image_blocks": blocks(width),
        "image_end": norm(width),
        "image_projection": normal(width, dim),
        "tokens": normal(49408, text_width),
        "text_positions": normal(77, text_width),
        "text_blocks": blocks(text_width),
        "text_end": norm(text_width),
        "text_projection": normal(text_width, dim),
        "logit_scale": jnp.float32(np.log(1 / 0.07)),
    }


def embed_images(weights, images):
    kernel = weights["patches"]
    x = jax.lax.conv_general_dilated(
        images.astype("bfloat16") / 255,
        kernel.astype("bfloat16"),
        kernel.shape[:2],
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    x = x.reshape(len(x), -1, x.shape[-1])
    first = weights["class"].astype(x.dtype)
    first = jnp.broadcast_to(first, (len(x), 1, x.shape[-1]))
    x = jnp.concatenate([first, x], axis=1)
    x = x + weights["image_positions"].astype(x.dtype)
    x = layer_norm(x, weights["image_norm"])
    for own in weights["image_blocks"]:
        x = block(x, own, causal=False)
    x = layer_norm(x[:, 0], weights["image_end"])
    return unit(x @ weights["image_projection"].astype(x.dtype))


def embed_texts(weights, texts):
    x = weights["tokens"].astype("bfloat16")[texts]
    x = x + weights["text_positions"].astype(x.dtype)
    for own in weights["text_blocks"]:
        x = block(x, own, causal=True)
    x = x[jnp.arange(len(x)), (texts == 49407).argmax(1)]
    x = layer_norm(x, weights["text_end"])
    return unit(x @ weights["text_projection"].astype(x.dtype))


def unit(z):
    z = z.astype("float32")
    return z * jax.lax.rsqrt((z * z).sum(1, keepdims=True) + 1e-12)


def clip_loss(first, second, scale):
    logits = scale * jnp.matmul(first, second.T, precision="highest")
    rows = jax.nn.logsumexp(logits, axis=1)
    columns = jax.nn.logsumexp(logits, axis=0)
    return ((rows + columns) / 2 - jnp.diagonal(logits)).mean()


def initial_state(**sizes):
    weights = initial_weights(**sizes)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    return weights, zeros, zeros, jnp.int32(0)


def step(state, batch):
    """`(state, loss)` after a step on `{"images": ..., "texts": ...}`."""
    weights, first, second, count = state

    def loss_of(weights):
        return clip_loss(
            embed_images(weights, batch["images"]),
            embed_texts(weights, batch["texts"]),
            jnp.exp(weights["logit_scale"]),
        )

    loss, gradients = jax.value_and_grad(loss_of)(weights)
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(
        lambda m, g: 0.999 * m + 0.001 * g * g, second, gradients
    )
    rate = 1e-4 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    weights = jax.tree.map(
        lambda w, m, v: (1 - 1e-5) * w - rate * m / (jnp.sqrt(v) + 1e-7),
        weights,
        first,
        second,
    )
    return (weights, first, second, count), loss
