"""How long training takes: images per second of usual sizes, and memory.

    python benchmarks/times.py --backend torch

Each row is a process of its own: `fit` of a SimCLR or CLIP model with its
default augmentation, some steps on arrays of noise. The first steps build and
compile and are not counted; the number is the median of the others. The memory
is the most that the process held. Writes `benchmarks/results/times.md`, with
one column a backend.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from own_process import peak_bytes
from own_process import run_case
from side_by_side import RESULTS
from side_by_side import machine

# Name, encoder, image size, batch size.
ROWS = {
    "SimCLR, ConvNet of width 16 (command line)": ("convnet", 64, 128),
    "SimCLR, ResNet-18, CIFAR stem": ("resnet18_cifar", 32, 128),
    "SimCLR, ResNet-18": ("resnet18", 128, 32),
    "SimCLR, ResNet-50": ("resnet50", 224, 16),
    "SimCLR, ViT-S/16": ("vit_s", 224, 16),
    "CLIP, ConvNet and bag of words (command line)": ("clip", 64, 128),
    "CLIP, ViT-B/32 and its transformer": ("clip_vit_b", 224, 16),
}
DROPPED = 2

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument(
    "--backend", nargs="+", default=["tensorflow", "jax", "torch"]
)
parser.add_argument("--steps", default=6, type=int)
parser.add_argument("--rows", default="", help="what their names contain")
parser.add_argument("--run", help="a case, as JSON: for a process of its own")


def make_model(name, size):
    """The model, and a function of a batch size that makes its data."""
    import numpy as np

    import keras_contrastive as kc

    shape = (size, size, 3)
    if name.startswith("clip"):
        if name == "clip":
            image_encoder = kc.models.ConvNet(16, 4, shape)
            text_encoder, length = kc.models.BagOfWords(3000), 20
        else:
            image_encoder = kc.models.VisionTransformer(
                32, 768, 12, 12, input_shape=shape
            )
            text_encoder = kc.models.TextTransformer(
                49408, 49407, 77, width=512, num_layers=12, num_heads=8
            )
            length = 77
        model = kc.CLIPModel(image_encoder, text_encoder)
        tokens = np.full((1, length), 1, "int32")
        tokens[:, -1] = 49407 if name == "clip_vit_b" else 2

        def data(count):
            return {
                "images": np.zeros((count, *shape), "uint8"),
                "texts": np.repeat(tokens, count, axis=0),
            }

        return model, data
    encoder = {
        "convnet": lambda: kc.models.ConvNet(16, 4, shape),
        "resnet18_cifar": lambda: kc.models.ResNet18("cifar"),
        "resnet18": lambda: kc.models.ResNet18(input_shape=shape),
        "resnet50": lambda: kc.models.ResNet50(input_shape=shape),
        "vit_s": lambda: kc.models.VisionTransformer(
            16, 384, 12, 6, input_shape=shape
        ),
    }[name]()
    return kc.SimCLRModel(encoder), lambda count: np.random.default_rng(
        0
    ).integers(0, 256, (count, *shape), "uint8")


def run(case):
    import keras

    model, data = make_model(case["encoder"], case["size"])
    model.compile(keras.optimizers.SGD(1e-3, 0.9))
    times = []

    class Clock(keras.callbacks.Callback):
        async_safe = True

        def on_epoch_end(self, epoch, logs=None):
            times.append(time.perf_counter())

    # An epoch a step: at its end the step has finished on every backend.
    model.fit(
        data(case["batch_size"]),
        batch_size=case["batch_size"],
        epochs=DROPPED + case["steps"],
        verbose=0,
        callbacks=[Clock()],
    )
    seconds = [b - a for a, b in zip(times, times[1:], strict=False)]
    median = statistics.median(seconds[DROPPED - 1 :])
    return {
        "images_per_second": case["batch_size"] / median,
        "bytes": peak_bytes(),
    }


def main(args):
    lines = [
        "# Times",
        "",
        machine(),
        "",
        "| | pixels | batch | "
        + " | ".join(f"{name}, images/s, GB" for name in args.backend)
        + " |",
        "|---|---|---|" + "---|" * len(args.backend),
    ]
    for name, (encoder, size, batch_size) in ROWS.items():
        if args.rows not in name:
            continue
        cells = []
        for backend in args.backend:
            case = {
                "encoder": encoder,
                "size": size,
                "batch_size": batch_size,
                "steps": args.steps,
            }
            found = run_case(
                __file__, case, env=environment(backend), timeout=600
            )
            cells.append(
                "failed"
                if found is None
                else f"{found['images_per_second']:.3g}, "
                f"{found['bytes'] / 1e9:.1f}"
            )
        cells = " | ".join([name, str(size), str(batch_size), *cells])
        lines.append(f"| {cells} |")
        print(lines[-1], flush=True)
    command = (
        f"python benchmarks/times.py --backend {' '.join(args.backend)} "
        f"--steps {args.steps}"
        + (f" --rows {args.rows!r}" if args.rows else "")
    )
    lines += ["", f"`{command}`"]
    (RESULTS / "times.md").write_text("\n".join(lines) + "\n")


def environment(backend):
    import os

    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "1",
    }


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(json.loads(args.run))))
    else:
        main(args)
