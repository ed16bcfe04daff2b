"""keras_contrastive trains: one run of our side of `clip.py`."""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import keras
import numpy as np
from contender_runs import keras_versions

import keras_contrastive as kc


def run(case):
    keras.utils.set_random_seed(case["seed"])
    draws = np.random.default_rng(case["seed"])
    data = np.load(case["data"])
    images, tokens = data["train_images"], data["train_tokens"]
    size = case["image_size"]
    model = kc.CLIPModel(
        kc.models.ConvNet(
            case["width"], case["num_stages"], input_shape=(size, size, 3)
        ),
        kc.models.BagOfWords(
            case["vocabulary_size"], case["text_width"], case["dropout"]
        ),
        projection_dim=case["projection_dim"],
        augmenter=keras.layers.Pipeline(
            [
                kc.layers.RandomResizedCrop(size, size, scale=(0.3, 1.0)),
                kc.layers.RandomFlip(),
                kc.layers.RandomColorJitter(
                    0.2, 0.2, 0.2, 0.05, probability=0.8
                ),
            ]
        ),
    )
    total = case["epochs"] * (len(images) // case["batch_size"])
    model.compile(
        keras.optimizers.AdamW(
            kc.optimizers.warmup_cosine(
                case["learning_rate"], total, warmup_steps=total // 20
            ),
            weight_decay=case["weight_decay"],
            beta_2=0.98,
            epsilon=1e-6,
        ),
        metrics=[],
    )
    kc.optimizers.exclude_from_weight_decay(model)
    losses, start = [], time.perf_counter()
    for _ in range(case["epochs"]):
        chosen = draws.integers(0, tokens.shape[1], len(images))
        texts = tokens[np.arange(len(images)), chosen]
        history = model.fit(
            {"images": images, "texts": texts},
            batch_size=case["batch_size"],
            verbose=0,
        )
        losses += history.history["loss"]
    seconds = time.perf_counter() - start

    output = Path(case["output"])
    for name, one in (("image", "val_images"), ("text", "val_tokens")):
        embeddings = model.predict({f"{name}s": data[one]}, verbose=0)
        np.save(output / f"{name}s.npy", embeddings[f"{name}_embeddings"])
    return {"losses": losses, "seconds": seconds, "versions": keras_versions()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="the case, in JSON")
    print(json.dumps(run(json.loads(parser.parse_args().run))))
