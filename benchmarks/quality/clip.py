"""CLIP beside open_clip: what both learn from the same pairs, CPU scale.

    python benchmarks/quality/clip.py --data-dir FOLDER_OF_FLICKR30K

The small recipe of `examples/clip_flickr30k.py`: a `ConvNet` of width 16 at 64
pixels and a `BagOfWords` of width 256, batch 128, AdamW at 1e-3 with weight
decay 0.2; `clip_ours.py` and `clip_open_clip.py` are the two sides. Both draw
the same caption of each photograph in each epoch, and their embeddings of the
validation photographs, at the end of the last epoch, are scored by Karpathy's
protocol. Writes a table and a plot into `benchmarks/results/`; `--output` keeps
each run, and the same command goes on after those that are there.
"""

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import contender_runs
import numpy as np

import keras_contrastive as kc

COLUMNS = {
    f"{way}_recall@{k}": f"{way.replace('_', ' ')} R@{k}"
    for way in ("image_to_text", "text_to_image")
    for k in (1, 10)
}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", required=True, help="folder of Flickr30k")
parser.add_argument("--images", default=6000, type=int)
parser.add_argument("--val-images", default=1000, type=int)
parser.add_argument("--epochs", default=20, type=int)
parser.add_argument("--width", default=16, type=int)
parser.add_argument("--image-size", default=64, type=int)
parser.add_argument("--batch-size", default=128, type=int)
parser.add_argument("--seeds", default=[0, 1], type=int, nargs="+")
parser.add_argument("--backend", default=["tensorflow"], nargs="*")
parser.add_argument(
    "--peer", default=True, action=argparse.BooleanOptionalAction
)
parser.add_argument("--output", default="runs/quality/clip", type=Path)
parser.add_argument("--workers", default=1, type=int, help="runs at a time")
parser.add_argument(
    "--results", default=Path(__file__).parents[1] / "results", type=Path
)
CAPTIONS = 5


def load(data_dir, split, count, image_size):
    """Photographs that have five captions, `count` of them."""
    records = [
        record
        for record in kc.datasets.flickr30k_records(data_dir, split)
        if len(record.captions) == CAPTIONS
    ]
    return kc.datasets.load_image_text(records[:count], image_size)


def main(args):
    args.output.mkdir(parents=True, exist_ok=True)
    # Whole batches, so that both sides see all of the same photographs.
    count = args.images // args.batch_size * args.batch_size
    # An eighth larger than what is seen, for the crops.
    train = load(args.data_dir, "train", count, args.image_size * 9 // 8)
    val = load(args.data_dir, "val", args.val_images, args.image_size)
    tokenizer = kc.text.train_tokenizer(train.captions, 3000, context_length=20)
    tokens = tokenizer(train.captions).reshape(len(train.images), CAPTIONS, -1)
    path = args.output / "data.npz"
    np.savez(
        path,
        train_images=train.images,
        train_tokens=tokens,
        val_images=val.images,
        val_tokens=tokenizer(val.captions),
    )

    def evaluate(output):
        return kc.evaluation.retrieval_recall(
            np.load(output / "images.npy"),
            np.load(output / "texts.npy"),
            val.image_index,
        )

    peers = {"open_clip": "clip_open_clip.py"} if args.peer else {}
    contenders = contender_runs.beside(args.backend, "clip_ours.py", peers)
    case = {
        "data": str(path),
        "epochs": args.epochs,
        "batch_size": args.batch_size,
        "image_size": args.image_size,
        "width": args.width,
        "num_stages": 4,
        "vocabulary_size": tokenizer.vocabulary_size,
        "text_width": 256,
        "dropout": 0.3,
        "projection_dim": 256,
        "learning_rate": 1e-3,
        "weight_decay": 0.2,
    }
    results = contender_runs.run(
        contenders, args.seeds, case, args.output, evaluate, args.workers
    )
    title = (
        f"{len(train.images):,} photographs, {args.epochs} epochs, scored on "
        f"{len(val.images):,} with {len(val.captions):,} captions"
    )
    stem = args.results / "quality_clip"
    contender_runs.report(results, COLUMNS, title, stem)


if __name__ == "__main__":
    main(parser.parse_args())
