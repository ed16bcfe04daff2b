"""keras_contrastive trains: one run of our side of `simclr.py`."""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import keras
import numpy as np
from contender_runs import keras_versions

import keras_contrastive as kc
from keras_contrastive.losses import DecoupledNTXentLoss
from keras_contrastive.losses import NTXentLoss


def optimizer_of(case, total):
    rate = case["learning_rate"]
    schedule = kc.optimizers.warmup_cosine(rate, total)
    if case.get("optimizer") == "lars":
        return kc.optimizers.LARS(schedule, case["momentum"], 1e-6)
    if case.get("optimizer") == "adamw":
        return keras.optimizers.AdamW(schedule)
    if case.get("optimizer") == "adam":
        return keras.optimizers.Adam(schedule, epsilon=1e-8)
    return keras.optimizers.SGD(
        schedule, momentum=case["momentum"], weight_decay=case["weight_decay"]
    )


def loss_of(case):
    kind = DecoupledNTXentLoss if case.get("decoupled") else NTXentLoss
    return kind(case["temperature"])


def start_as_pytorch(model):
    """Gives the layers the initial weights that PyTorch's have."""
    for layer in model._flatten_layers():
        if hasattr(layer, "kernel"):
            initializer = keras.initializers.VarianceScaling(
                1 / 3, "fan_in", "uniform"
            )
            layer.kernel.assign(initializer(layer.kernel.shape))


def make_encoder(case):
    return kc.models.ResNet18(
        stem="cifar",
        width=case["width"],
        zero_init_residual=case.get("zero_init_residual", False),
    )


def make_augmenter(case, encoder):
    return kc.layers.simclr_augmentation(
        "cifar10",
        *encoder.input_shape[1:3],
        strength=case.get("strength", 0.5),
    )


def train(model, loss, case):
    """Trains a model and saves its representations before and after.

    Returns:
        Dict of the losses of the epochs, the seconds of `fit` and the versions.
    """
    data = np.load(case["data"])
    images, batch_size = data["train_images"], case["batch_size"]
    total = case["epochs"] * (len(images) // batch_size)
    model.compile(optimizer_of(case, total), loss)
    if case.get("pytorch_weights"):
        start_as_pytorch(model)

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
    # Of the process, in KiB on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    save("final")
    return {
        "losses": history.history["loss"],
        "seconds": seconds,
        "peak_bytes": 1024 * peak,
        "versions": keras_versions(),
    }


def run(case):
    keras.utils.set_random_seed(case["seed"])
    encoder = make_encoder(case)
    head = kc.layers.ProjectionHead(
        encoder.output_shape[-1],
        128,
        num_layers=case.get("head_layers", 2),
        output_batch_norm=case.get("output_batch_norm", True),
    )
    model = kc.SimCLRModel(encoder, head, make_augmenter(case, encoder))
    return train(model, loss_of(case), case)


def main(run, description):
    """Runs the case of the command line and prints what `run` returns."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run", required=True, help="the case, in JSON")
    print(json.dumps(run(json.loads(parser.parse_args().run))))


if __name__ == "__main__":
    main(run, __doc__.splitlines()[0])
