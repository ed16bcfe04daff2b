"""A SimCLR step written by hand in JAX: the least that one could get by with.

ResNet-18 with CIFAR's stem, a head with two BatchNorms and NT-Xent on the whole
matrix of logits, in bfloat16, BatchNorm's sums and the loss in float32; SGD
with momentum, a cosine. BatchNorm takes both moments in one pass over its
input. Nothing looks for bad values and nothing is augmented.
"""

import jax
import jax.numpy as jnp
import numpy as np

STAGES, BLOCKS = 4, 2


def convolve(x, kernel, stride=1):
    return jax.lax.conv_general_dilated(
        x,
        kernel.astype(x.dtype),
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def normalize(x, weights, moments):
    x32 = x.astype("float32")
    axes = tuple(range(x.ndim - 1))
    mean = x32.mean(axes)
    variance = (x32 * x32).mean(axes) - mean * mean
    moments.append((mean, variance))
    scale = weights["gamma"] * jax.lax.rsqrt(variance + 1e-5)
    return (x32 * scale + (weights["beta"] - mean * scale)).astype(x.dtype)


def initial_weights(width=64, output_dim=128, seed=0):
    rng = np.random.default_rng(seed)

    def kernel(*shape):
        deviation = np.sqrt(2 / (np.prod(shape[:-2]) * shape[-1]))
        return jnp.asarray(rng.normal(0, deviation, shape), "float32")

    def norm(channels):
        return {"gamma": jnp.ones(channels), "beta": jnp.zeros(channels)}

    weights = {"stem": kernel(3, 3, 3, width), "stem_norm": norm(width)}
    channels = width
    for stage in range(STAGES):
        for block in range(BLOCKS):
            filters = width * 2**stage
            own = {
                "first": kernel(3, 3, channels, filters),
                "first_norm": norm(filters),
                "second": kernel(3, 3, filters, filters),
                "second_norm": norm(filters),
            }
            if channels != filters:
                own["shortcut"] = kernel(1, 1, channels, filters)
                own["shortcut_norm"] = norm(filters)
            weights[f"block{stage * BLOCKS + block}"] = own
            channels = filters
    weights["hidden"] = kernel(channels, channels)
    weights["hidden_norm"] = norm(channels)
    weights["output"] = kernel(channels, output_dim)
    weights["output_norm"] = norm(output_dim)
    return weights


def project(weights, x):
    """Projections of views, and the moments of each BatchNorm."""
    moments = []

    def conv_norm(x, own, name, stride=1):
        x = convolve(x, own[name], stride)
        return normalize(x, own[f"{name}_norm"], moments)

    x = jax.nn.relu(conv_norm(x, weights, "stem"))
    for number in range(STAGES * BLOCKS):
        own = weights[f"block{number}"]
        stride = 2 if number and number % BLOCKS == 0 else 1
        shortcut = x
        if "shortcut" in own:
            shortcut = conv_norm(x, own, "shortcut", stride)
        x = jax.nn.relu(conv_norm(x, own, "first", stride))
        x = jax.nn.relu(conv_norm(x, own, "second") + shortcut)
    x = x.astype("float32").mean((1, 2)).astype(x.dtype)
    for name in ("hidden", "output"):
        x = x @ weights[name].astype(x.dtype)
        x = normalize(x, weights[f"{name}_norm"], moments)
        x = jax.nn.relu(x) if name == "hidden" else x
    return x, moments


def nt_xent(z, temperature=0.5):
    z = z.astype("float32")
    z *= jax.lax.rsqrt((z * z).sum(1, keepdims=True) + 1e-12)
    logits = jnp.matmul(z, z.T, precision="highest") / temperature
    n = len(z)
    logits = jnp.where(jnp.eye(n, dtype=bool), -jnp.inf, logits)
    positive = jnp.take_along_axis(
        logits, jnp.roll(jnp.arange(n), n // 2)[:, None], axis=1
    )
    return (jax.nn.logsumexp(logits, axis=1) - positive[:, 0]).mean()


def initial_state(width=64):
    weights = initial_weights(width)
    velocity = jax.tree.map(jnp.zeros_like, weights)
    views = jax.ShapeDtypeStruct((2, 32, 32, 3), "bfloat16")
    moments = jax.eval_shape(lambda x: project(weights, x)[1], views)
    moving = jax.tree.map(lambda x: jnp.zeros(x.shape), moments)
    return weights, velocity, moving, jnp.int32(0)


def step(state, images, total_steps=200 * 97):
    """`(state, loss)` after a step on the images, as both of the views."""
    weights, velocity, moving, count = state
    views = (images.astype("float32") / 255).astype("bfloat16")
    views = jnp.concatenate([views, views])

    def loss_of(weights):
        z, moments = project(weights, views)
        return nt_xent(z), moments

    (loss, moments), gradients = jax.value_and_grad(loss_of, has_aux=True)(
        weights
    )
    rate = 0.12 * (1 + jnp.cos(jnp.pi * count / total_steps))
    velocity = jax.tree.map(
        lambda v, g, w: 0.9 * v + g + 5e-4 * w, velocity, gradients, weights
    )
    weights = jax.tree.map(lambda w, v: w - rate * v, weights, velocity)
    moving = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, moving, moments)
    return (weights, velocity, moving, count + 1), loss
