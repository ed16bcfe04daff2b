"""What `embed` takes an image: processor time, bytes of its row.

    KERAS_BACKEND=torch python benchmarks/embed_images.py FOLDER

Embeds JPEG files that are enlarged to the size of photographs. Counts processor
time, which does not depend on what else the machine does. Weights are random,
which does not change the time. Also counts what a list of the paths of a folder
takes. Writes a table into `benchmarks/results/`.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import keras
import numpy as np
from PIL import Image

import keras_contrastive as kc
from benchmarks.own_process import peak_bytes
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embedding import embed_images
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.vectors_file import write_vectors

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", type=Path)
parser.add_argument("--images", default=64, type=int)
parser.add_argument("--paths", default=200_000, type=int)
parser.add_argument(
    "--results", default=Path(__file__).parent / "results", type=Path
)
args = parser.parse_args()
SIZE = (500, 375)  # of a photograph of Flickr
IMAGE = 224


ENCODERS = {
    "`ConvNet(16)`, 64 pixels": (
        64,
        lambda: kc.models.ConvNet(16, input_shape=(64, 64, 3)),
    ),
    "`ResNet18`, 224 pixels": (
        IMAGE,
        lambda: kc.models.ResNet18(input_shape=(IMAGE, IMAGE, 3)),
    ),
    "CLIP's ViT-B/32, 224 pixels": (
        IMAGE,
        lambda: kc.models.VisionTransformer(32, 768, 12, 12, output_dim=512),
    ),
}


def write_photographs(folder):
    """Copies of the files in the size of photographs."""
    paths = sorted(args.folder.rglob("*.jpg"))[: args.images]
    for path in paths:
        picture = Image.open(path).convert("RGB").resize(SIZE, Image.BICUBIC)
        picture.save(folder / path.name, quality=90)
    return [folder / path.name for path in paths]


def processor_seconds(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def line(name, paths, folder):
    size, build = ENCODERS[name]
    model = build()
    embed_images(model, np.zeros((32, size, size, 3), "uint8"), verbose=0)
    read, loaded = processor_seconds(
        lambda: load_images(paths, size, Channels(), verbose=False)
    )
    run, rows = processor_seconds(
        lambda: embed_images(model, loaded.images, verbose=0)
    )
    output = folder / "vectors.parquet"
    write_vectors(output, [path.name for path in paths], rows)
    written = output.stat().st_size / len(rows)
    speed = len(paths) / (read + run)
    days = 1e8 / speed / 86400
    return (
        f"| {name} | {len(paths) / read:,.0f} | {len(paths) / run:,.0f} | "
        f"{speed:,.0f} | {days:,.1f} | {rows.shape[1]:,} | {written:,.0f} |"
    )


def listing(folder):
    """Seconds and bytes of a path, in a folder of empty files."""
    for number in range(args.paths):
        part = folder / f"{number // 1000:05d}"
        part.mkdir(exist_ok=True) if number % 1000 == 0 else None
        (part / f"{number:09d}.jpg").touch()
    before = peak_bytes()
    seconds, found = processor_seconds(lambda: kc.datasets.image_folder(folder))
    held = peak_bytes() - before
    return seconds / len(found.paths), held / len(found.paths)


with tempfile.TemporaryDirectory() as temporary:
    per_path = listing(Path(temporary))
with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary)
    photographs = write_photographs(folder)
    size = np.mean([path.stat().st_size for path in photographs])
    table = [line(name, photographs, folder) for name in ENCODERS]
lines = [
    f"{len(photographs)} JPEG files of {SIZE[0]} x {SIZE[1]} pixels, "
    f"{size / 1000:.0f} kB; images per second of processor time, "
    f"{keras.backend.backend()}, Keras {keras.version()}, "
    f"{os.environ.get('OMP_NUM_THREADS', 'all')} thread for the network.",
    "",
    "| model | read | embed | both | core-days of 100 M | numbers | bytes |",
    "|---|---|---|---|---|---|---|",
    *table,
    "",
    f"The list of a folder's paths: {1e6 * per_path[0]:.0f} µs and "
    f"{per_path[1]:,.0f} bytes a path, of {args.paths:,}.",
]
args.results.mkdir(exist_ok=True)
(args.results / "embed_images.md").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
