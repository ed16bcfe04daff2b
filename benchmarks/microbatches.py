"""Memory and time of a training step in microbatches.

    python benchmarks/microbatches.py

SimCLR with a ResNet-18 (CIFAR stem, width 32, 32 pixels) and CLIP with a small
ViT (64 pixels, patches of 8), each step in 1 to 16 microbatches, each in a
process of its own. Memory is what the peak of the process grew by over that of
a step on two examples; time is the median of the steps after the first. Writes
a table and a plot into `benchmarks/results/`.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from own_process import peak_bytes
from own_process import run_case

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--backend", default="tensorflow")
parser.add_argument("--batch-size", default=256, type=int)
parser.add_argument(
    "--microbatches", default=[1, 2, 4, 8, 16], type=int, nargs="+"
)
parser.add_argument("--steps", default=5, type=int)
parser.add_argument("--run", help="one case, in its own process")


def make(name, **compile_arguments):
    import keras
    import numpy as np
    from small_models import small_clip
    from small_models import small_texts

    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    if name == "ResNet-18":
        model = kc.SimCLRModel(kc.models.ResNet18("cifar", width=32))
        data = rng.integers(0, 255, (4096, 32, 32, 3)).astype("uint8")
    else:
        model = small_clip()
        texts = small_texts(rng, 4096)
        images = rng.integers(0, 255, (4096, 64, 64, 3)).astype("uint8")
        data = {"images": images, "texts": texts}
    model.compile(keras.optimizers.SGD(0.01), metrics=[], **compile_arguments)
    return model, data


def run(name, batch_size, microbatches, steps):
    import time

    import keras

    sys.path.insert(0, str(Path(__file__).parents[1]))
    size = batch_size // microbatches if microbatches > 1 else None
    small, data = make(name)
    first = keras.tree.map_structure(lambda x: x[:2], data)
    small.fit(first, batch_size=2, verbose=0)
    before = peak_bytes()
    model, data = make(name, microbatch_size=size)
    batch = keras.tree.map_structure(lambda x: x[:batch_size], data)
    seconds = []
    for _ in range(1 + steps):
        start = time.perf_counter()
        model.train_on_batch(batch)
        seconds.append(time.perf_counter() - start)
    return {
        "seconds": statistics.median(seconds[1:]),
        "bytes": peak_bytes() - before,
    }


def measure(backend, *case):
    environment = {"KERAS_BACKEND": backend, "TF_ENABLE_ONEDNN_OPTS": "1"}
    found = run_case(__file__, case, env={**os.environ, **environment})
    if found is None:
        raise RuntimeError(f"{case} failed, see above")
    return found


def main(args):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    lines = [
        f"{args.backend}, batch {args.batch_size}, {os.cpu_count()} cores",
        "",
        "| model | microbatches | seconds a step | over one | memory |",
        "|---|---|---|---|---|",
    ]
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.8))
    for name in ("ResNet-18", "ViT"):
        found = [
            measure(args.backend, name, args.batch_size, count, args.steps)
            for count in args.microbatches
        ]
        for count, one in zip(args.microbatches, found, strict=True):
            ratio = one["seconds"] / found[0]["seconds"]
            lines.append(
                f"| {name} | {count} | {one['seconds']:.2f} | {ratio:.2f} | "
                f"{one['bytes'] / 1e6:,.0f} MB |"
            )
            print(lines[-1], flush=True)
        for axis, key, unit in (
            (axes[0], "bytes", 1e6),
            (axes[1], "seconds", found[0]["seconds"]),
        ):
            values = [one[key] / unit for one in found]
            axis.plot(args.microbatches, values, "o-", label=name)
    axes[0].set_ylabel("memory of a step, MB")
    axes[1].set_ylabel("time of a step, over that of one batch")
    axes[1].axhline(4 / 3, color="grey", linestyle=":", label="4/3")
    for axis in axes:
        axis.set_xscale("log", base=2)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("microbatches")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(results / "microbatches.png", dpi=120)
    (results / "microbatches.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        print(json.dumps(run(*json.loads(args.run))))
    else:
        main(args)
