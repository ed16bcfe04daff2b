"""Splits the images of a run into training and held-out images."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.captioned_image import CaptionedImage

FEWEST = 4  # images to train on


class Split(NamedTuple):
    """Images, with captions if there are any.

    Attributes:
        train: images to train on.
        held_out: images to measure retrieval on.
        num_train: int, number of training images when the run began.
    """

    train: list[CaptionedImage]
    held_out: list[CaptionedImage]
    num_train: int


def hold_out(records: Sequence[CaptionedImage]) -> Split:
    """Holds out a random tenth, at most 1,000 images.

    It holds out at least two, since a search among one image always finds it,
    unless training would be left with too few.
    """
    if len(records) <= FEWEST:
        raise ValueError(
            f"Training needs at least {FEWEST + 1} images with captions, of "
            f"which one is held out. Received: {len(records)}"
        )
    least = min(2, len(records) - FEWEST)
    count = max(least, min(1000, len(records) // 10))
    order = np.random.default_rng(0).permutation(len(records))
    chosen = set(order[:count].tolist())
    return Split(
        [each for i, each in enumerate(records) if i not in chosen],
        [each for i, each in enumerate(records) if i in chosen],
        len(records) - count,
    )


def every_image(paths: Sequence[Path]) -> Split:
    """A split that holds nothing out."""
    records = [CaptionedImage(path, (), i) for i, path in enumerate(paths)]
    return Split(records, [], len(records))


def to_json(split: Split, folder: Path) -> dict:
    """Paths relative to `folder`, and captions."""
    return {
        part: [
            {
                "image": record.image.relative_to(folder).as_posix(),
                "captions": list(record.captions),
            }
            for record in records
        ]
        for part, records in (
            ("train", split.train),
            ("held_out", split.held_out),
        )
    }


def from_json(content: dict, folder: Path) -> Split:
    """The split that `to_json` wrote.

    Images that no longer exist are left out, with a warning.
    """
    parts = {}
    total = sum(map(len, content.values()))
    gone = BadRecords("images of this run are gone", total, 1.0)
    for part, entries in content.items():
        records = parts[part] = []
        for index, entry in enumerate(entries):
            image = folder / entry["image"]
            if image.is_file():
                captions = tuple(entry["captions"])
                records.append(CaptionedImage(image, captions, index))
            else:
                gone.add(str(image))
    gone.warn("They are left out.")
    return Split(**parts, num_train=len(content["train"]))
