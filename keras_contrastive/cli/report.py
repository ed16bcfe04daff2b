"""Pictures and numbers of a run, in one .html file.

RUN is a folder that a train command has made, which has written report.html at
its end already. This writes it anew, from the images where they lay. Nothing
of the file is elsewhere: it can be sent as it is.

    python -m keras_contrastive report runs/simclr
"""

from pathlib import Path

import keras
import numpy as np

from keras_contrastive import datasets
from keras_contrastive import text
from keras_contrastive import visualization
from keras_contrastive.cli.arguments import add_command
from keras_contrastive.cli.held_out import split
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.run_folder import RunFolder

SAMPLE = 2000  # images, at most


def add_parser(commands):
    parser = add_command(commands, "report", __doc__)
    parser.add_argument("run_folder", type=Path, metavar="RUN")
    parser.set_defaults(run=run)


def run(args):
    write_report(RunFolder(args.run_folder))


def write_report(run_folder: RunFolder) -> None:
    settings = run_folder.settings()
    model = keras.models.load_model(run_folder.model)
    make = {"simclr": _images, "clip": _images_and_captions}[settings["model"]]
    visualization.report(
        model,
        path=run_folder.report,
        history=run_folder.history,
        settings=settings,
        **make(run_folder, settings),
    )
    print(f"Report: {run_folder.report}")


def _images(run_folder, settings):
    found = datasets.image_folder(settings["folder"])
    some = np.random.default_rng(0).permutation(len(found.paths))[:SAMPLE]
    images, places = load_images(
        [found.paths[i] for i in some], settings["image_size"]
    )
    labels = found.labels
    return {
        "images": images,
        "labels": None if labels is None else labels[some[places]],
        "class_names": found.class_names,
    }


def _images_and_captions(run_folder, settings):
    records = datasets.captioned_folder(
        settings["folder"], settings["captions"]
    )
    _, held_out = split(records)
    test = datasets.load_image_text(held_out, settings["image_size"])
    return {
        "images": test.images,
        "captions": test.captions,
        "image_index": test.image_index,
        "tokenizer": text.CaptionTokenizer.load(run_folder.tokenizer),
    }
