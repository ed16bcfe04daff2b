"""Embeddings for the tests of losses."""

import keras
import numpy as np

from keras_contrastive.losses import logit_blocks
from keras_contrastive.losses import weighted_sums
from keras_contrastive.losses.key_blocks import KeyBlocks


def views(n, dim, seed=0, noise=0.5):
    """Two float32 arrays (n, dim), row i of one near row i of the other."""
    rng = np.random.default_rng(seed)
    z_a = rng.normal(size=(n, dim))
    z_b = z_a + noise * rng.normal(size=(n, dim))
    return z_a.astype("float32"), z_b.astype("float32")


def spoilt_views(n, dim, kind):
    """Views with what makes careless code return NaN."""
    z_a, z_b = views(n, dim)
    if kind == "zeros":
        z_a[0] = z_b[-1] = 0
    elif kind == "duplicates":
        z_a[:] = z_b[:] = z_a[:1]
    elif kind == "float16":
        z_a, z_b = (np.float16(6e4) * np.sign(z) for z in (z_a, z_b))
    else:
        z_a, z_b = (z * {"tiny": 1e-18, "huge": 1e15}[kind] for z in (z_a, z_b))
    return z_a, z_b


SPOILT = ["zeros", "duplicates", "tiny", "huge", "float16"]


def round_trip(loss):
    """The loss as Keras restores it from its configuration."""
    config = keras.losses.serialize(loss)
    name = type(loss).__name__
    assert config["registered_name"] == f"keras_contrastive>{name}"
    return keras.losses.deserialize(config)


def recorded_block_sizes(monkeypatch):
    """A set of the block sizes that losses ask for from now on."""
    sizes = set()

    class Recorded(KeyBlocks):
        def __init__(self, n, m, block_size):
            super().__init__(n, m, block_size)
            sizes.add(block_size)

    for module in (logit_blocks, weighted_sums):
        monkeypatch.setattr(module, "KeyBlocks", Recorded)
    return sizes
