"""keras_contrastive trains: one run of our side of `simclr.py`."""

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
    data = np.load(case["data"])
    encoder = kc.models.ResNet18(stem="cifar", width=case["width"])
    dim = encoder.output_shape[-1]
    model = kc.SimCLRModel(
        encoder, kc.layers.ProjectionHead(dim, 128, output_batch_norm=True)
    )
    images, batch_size = data["train_images"], case["batch_size"]
    steps = len(images) // batch_size
    model.compile(
        keras.optimizers.SGD(
            kc.optimizers.warmup_cosine(
                case["learning_rate"], case["epochs"] * steps
            ),
            momentum=case["momentum"],
            weight_decay=case["weight_decay"],
        ),
        kc.losses.NTXentLoss(case["temperature"]),
    )

    def save(name):
        for split in ("train", "test"):
            np.save(
                Path(case["output"]) / f"{name}_{split}.npy",
                model.predict(
                    data[f"{split}_images"], batch_size=batch_size, verbose=0
                ),
            )

    save("init")
    start = time.perf_counter()
    history = model.fit(
        images, batch_size=batch_size, epochs=case["epochs"], verbose=0
    )
    seconds = time.perf_counter() - start
    save("final")
    return {
        "losses": history.history["loss"],
        "seconds": seconds,
        "versions": keras_versions(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="the case, in JSON")
    print(json.dumps(run(json.loads(parser.parse_args().run))))
