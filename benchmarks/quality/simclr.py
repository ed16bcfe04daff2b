"""SimCLR beside lightly: what both learn from the same images, CPU scale.

    python benchmarks/quality/simclr.py --data-dir ~/tensorflow_datasets

The small recipe: ResNet-18 of width 16 with the CIFAR stem, head 128-128-128,
batch 256, SGD at 0.12 with momentum 0.9 and one cosine to 0, temperature 0.5;
`simclr_ours.py` and `simclr_lightly.py` are the two sides. Their
representations of the same test images, at the end of the last epoch, are
scored by one kNN (k = 200) and one linear probe. Writes a table and a plot into
`benchmarks/results/`; `--output` keeps each run, and the same command goes on
after those that are there.
"""

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import contender_runs
import numpy as np

import keras_contrastive as kc

COLUMNS = {
    "init_knn": "kNN, random init",
    "init_linear": "linear, random init",
    "final_knn": "kNN",
    "final_linear": "linear probe",
}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="prepared tensorflow-datasets folder")
parser.add_argument("--images", default=10_000, type=int)
parser.add_argument("--test-images", default=10_000, type=int)
parser.add_argument("--epochs", default=4, type=int)
parser.add_argument("--width", default=16, type=int)
parser.add_argument("--batch-size", default=256, type=int)
parser.add_argument("--seeds", default=[0, 1, 2], type=int, nargs="+")
parser.add_argument("--backend", default=["tensorflow"], nargs="*")
parser.add_argument(
    "--peer", default=True, action=argparse.BooleanOptionalAction
)
parser.add_argument("--output", default="runs/quality/simclr", type=Path)
parser.add_argument("--workers", default=1, type=int, help="runs at a time")
parser.add_argument("--name", default="quality_simclr", help="of the results")
parser.add_argument(
    "--results", default=Path(__file__).parents[1] / "results", type=Path
)


def make_data(args):
    """Writes the images that all contenders see; returns path and arrays."""
    args.output.mkdir(parents=True, exist_ok=True)
    # Whole batches, so that both sides see all of the same images.
    count = args.images // args.batch_size * args.batch_size
    data = {}
    for split, size in (("train", count), ("test", args.test_images)):
        data[f"{split}_images"], data[f"{split}_labels"] = kc.datasets.cifar10(
            f"{split}[:{size}]", data_dir=args.data_dir
        )
    path = args.output / "data.npz"
    np.savez(path, **data)
    return path, data


def evaluator(data, linear=True):
    """Scores what a run has left in its folder, by kNN and a linear probe."""

    def evaluate(output):
        scores = {}
        for name in ("init", "final"):
            train, test = (
                np.load(output / f"{name}_{split}.npy")
                for split in ("train", "test")
            )
            labels, truth = data["train_labels"], data["test_labels"]
            k = min(200, len(train))
            found = kc.evaluation.knn_classify(train, labels, test, k=k)
            scores[f"{name}_knn"] = float((found == truth).mean())
            if linear:
                scores[f"{name}_linear"] = kc.evaluation.linear_probe(
                    train, labels, test, truth, verbose=0
                )["accuracy"]
        return scores

    return evaluate


def recipe(args, path):
    """The case of `contender_runs.run`, the same for all contenders."""
    return {
        "data": str(path),
        "epochs": args.epochs,
        "width": args.width,
        "batch_size": args.batch_size,
        "learning_rate": 0.06 * args.batch_size / 128,
        "momentum": 0.9,
        # 5e-4 through a momentum of 0.9 is this much beside it.
        "weight_decay": 5e-3,
        "temperature": 0.5,
    }


def title(args, data):
    return (
        f"{len(data['train_images']):,} images, {args.epochs} epochs, scored "
        f"on {args.test_images:,}"
    )


def main(args):
    path, data = make_data(args)
    peers = {"lightly": "simclr_lightly.py"} if args.peer else {}
    contenders = contender_runs.beside(args.backend, "simclr_ours.py", peers)
    results = contender_runs.run(
        contenders,
        args.seeds,
        recipe(args, path),
        args.output,
        evaluator(data),
        args.workers,
    )
    stem = args.results / args.name
    contender_runs.report(results, COLUMNS, title(args, data), stem)


if __name__ == "__main__":
    main(parser.parse_args())
