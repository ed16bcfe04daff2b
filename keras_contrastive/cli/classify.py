"""`classify`: the class of each image, in a .csv file."""

import csv
import os

import keras
import numpy as np

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import CLASSIFIER
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name

HEADER = ["image", "class", "probability"]


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings((CLASSIFIER,))
    check_writable(args.output, "--output")
    check_replaceable(args.output)
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    logits, _, image_names = embed_records(
        run_folder.load_model(), found.records, settings["image_size"], channels
    )
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    names = settings["class_names"]
    classes = probabilities.argmax(axis=1)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    temporary = args.output.with_name(f".{args.output.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for name, place, row in zip(
            image_names, classes, probabilities, strict=True
        ):
            image = relative_name(name, found.folder)
            writer.writerow([image, names[place], f"{row[place]:.4f}"])
    os.replace(temporary, args.output)
    counts = np.bincount(classes, minlength=len(names))
    print(f"{args.output}: {len(classes):,} images")
    for place in np.argsort(-counts, kind="stable"):
        print(f"  {names[place]}: {counts[place]:,}")


def check_replaceable(output):
    """Raises if there is a file that this command has not written."""
    if not output.exists():
        return
    with output.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    if first != ",".join(HEADER):
        raise ValueError(
            "--output must be a new file, or one that classify has written. "
            f"Received: {output}"
        )
