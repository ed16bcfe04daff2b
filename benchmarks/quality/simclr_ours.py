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
from keras import ops

import keras_contrastive as kc
from keras_contrastive.losses import NTXentLoss
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.logit_blocks import logsumexp_blocks
from keras_contrastive.normalization import l2_normalize


def optimizer_of(case, total):
    rate = case["learning_rate"]
    schedule = kc.optimizers.warmup_cosine(rate, total)
    if case.get("optimizer") == "lars":
        return kc.optimizers.LARS(schedule, case["momentum"], 1e-6)
    if case.get("optimizer") == "adamw":
        return keras.optimizers.AdamW(schedule)
    return keras.optimizers.SGD(
        schedule, momentum=case["momentum"], weight_decay=case["weight_decay"]
    )


class DecoupledNTXentLoss(ContrastiveLoss):
    """NT-Xent without the positive in the denominator (Yeh et al., 2022)."""

    def call(self, z_a, z_b):
        z_a, z_b = l2_normalize(z_a), l2_normalize(z_b)
        return (self.one_way(z_a, z_b) + self.one_way(z_b, z_a)) / 2

    def one_way(self, queries, others):
        own = ops.arange(ops.shape(queries)[0], dtype="int32")
        scale = 1 / self.temperature
        negatives = ops.logaddexp(
            *(
                logsumexp_blocks(queries, keys, scale, excluded=own)
                for keys in (queries, others)
            )
        )
        return negatives - scale * ops.sum(queries * others, axis=1)


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


def run(case):
    keras.utils.set_random_seed(case["seed"])
    data = np.load(case["data"])
    encoder = kc.models.ResNet18(
        stem="cifar",
        width=case["width"],
        zero_init_residual=case.get("zero_init_residual", False),
    )
    head = kc.layers.ProjectionHead(
        encoder.output_shape[-1],
        128,
        num_layers=case.get("head_layers", 2),
        output_batch_norm=case.get("output_batch_norm", True),
    )
    augmenter = kc.layers.simclr_augmentation(
        "cifar10",
        *encoder.input_shape[1:3],
        strength=case.get("strength", 0.5),
    )
    model = kc.SimCLRModel(encoder, head, augmenter)
    images, batch_size = data["train_images"], case["batch_size"]
    total = case["epochs"] * (len(images) // batch_size)
    model.compile(optimizer_of(case, total), loss_of(case))
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
