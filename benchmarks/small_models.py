"""The small CLIP model that several benchmarks train."""

import keras_contrastive as kc

VOCABULARY, LENGTH = 1000, 16


def small_clip():
    """For images of 64 pixels and texts of 16 tokens that end with token 1."""
    return kc.CLIPModel(
        kc.models.VisionTransformer(8, 192, 6, 3, input_shape=(64, 64, 3)),
        kc.models.TextTransformer(
            VOCABULARY, 1, LENGTH, width=128, num_layers=2, num_heads=2
        ),
        projection_dim=128,
    )


def small_texts(rng, count):
    """Random texts for it, int32 of shape `(count, LENGTH)`."""
    texts = rng.integers(2, VOCABULARY, (count, LENGTH)).astype("int32")
    texts[:, -1] = 1
    return texts
