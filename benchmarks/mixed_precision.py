"""Where training in mixed precision ends, against float32.

    KERAS_BACKEND=jax python benchmarks/mixed_precision.py --steps 500

Both models, small, on batches of 32 of 256 scenes, from the same weights; every
loss must be finite. Prints the mean loss of the last 50 steps.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np

import keras_contrastive as kc

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


def simclr():
    model = kc.SimCLRModel(
        kc.models.ConvNet(8, 2, (16, 16, 3)),
        augmenter=keras.layers.Pipeline(
            [
                kc.layers.RandomResizedCrop(16, 16, seed=1),
                kc.layers.RandomFlip(seed=2),
            ]
        ),
    )
    return model, kc.datasets.shapes(256, 16).images


def clip():
    scenes = kc.datasets.shapes(256, 16)
    tokenizer = kc.text.train_tokenizer(scenes.captions, 300, context_length=16)
    model = kc.CLIPModel(
        kc.models.ConvNet(8, 2, (16, 16, 3)),
        kc.models.BagOfWords(tokenizer.vocabulary_size, 16),
        projection_dim=16,
    )
    return model, {"images": scenes.images, "texts": tokenizer(scenes.captions)}


MODELS = {"simclr": simclr, "clip": clip}


def losses(name, policy, steps):
    """The loss of each step."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        model, data = MODELS[name]()
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(keras.optimizers.Adam(1e-3), metrics=[])
    found = []
    for step in range(steps):
        rows = np.arange(32 * step, 32 * step + 32) % 256
        batch = keras.tree.map_structure(lambda x, rows=rows: x[rows], data)
        model.reset_metrics()
        logs = model.train_on_batch(batch, return_dict=True)
        found.append(float(logs["loss"]))
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", default=500, type=int)
    args = parser.parse_args()
    for name in MODELS:
        for policy in POLICIES:
            found = losses(name, policy, args.steps)
            assert np.isfinite(found).all(), (name, policy)
            print(
                f"{keras.backend.backend()} {name} {policy}: "
                f"{found[:5].mean():.3f} to {found[-50:].mean():.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
