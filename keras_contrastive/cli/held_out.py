"""Splits the images of a run into training and held-out images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive.cli.sources import columns_of_run
from keras_contrastive.cli.sources import fingerprint
from keras_contrastive.cli.sources import open_records
from keras_contrastive.cli.sources import take
from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.tables.image_records import ImageRecords

FEWEST = 4  # images to train on


class Split(NamedTuple):
    """Images, with captions if there are any.

    Attributes:
        train: `CaptionedImage`s to train on: a list, or `ImageRecords` of a
            table.
        held_out: Records to measure retrieval on, in the same form.
        num_train: int, number of training images when the run began.
        gone_captions: int, number of the captions of training images that are
            gone since.
    """

    train: Sequence[CaptionedImage]
    held_out: Sequence[CaptionedImage]
    num_train: int
    gone_captions: int = 0


def hold_out(records: Sequence[CaptionedImage]) -> Split:
    """Holds out a random tenth, at most 1,000 images.

    It holds out at least two, because retrieval from a single image always
    succeeds. It holds out one if otherwise too few are left for training.
    """
    if len(records) <= FEWEST:
        raise ValueError(
            f"Training needs at least {FEWEST + 1} images with captions. One "
            f"of them is held out. Received: {len(records)}"
        )
    least = min(2, len(records) - FEWEST)
    count = max(least, min(1000, len(records) // 10))
    order = np.random.default_rng(0).permutation(len(records))
    held_out = np.sort(order[:count])
    train = np.sort(order[count:])
    return Split(take(records, train), take(records, held_out), len(train))


def every_image(paths: Sequence[Path]) -> Split:
    """A split of a folder that holds nothing out."""
    records = [CaptionedImage(path, (), i) for i, path in enumerate(paths)]
    return Split(records, [], len(records))


def every_record(records: ImageRecords) -> Split:
    """A split of a table that holds nothing out."""
    return Split(records, records[:0], len(records))


def to_json(split: Split, source: Path) -> dict:
    """Converts a split to a dict for `from_json`.

    For a folder, it holds captions and paths relative to the folder. For a
    table, it holds indices of records and a fingerprint of the table.
    """
    parts: dict[str, Any] = {"train": split.train, "held_out": split.held_out}
    if isinstance(split.train, ImageRecords):
        places = {part: each.indices.tolist() for part, each in parts.items()}
        return {**places, "fingerprint": fingerprint(source)}
    return {
        part: [
            {
                "image": record.image.relative_to(source).as_posix(),
                "captions": list(record.captions),
            }
            for record in records
        ]
        for part, records in parts.items()
    }


def from_json(content: dict, settings: dict) -> Split:
    """Restores a split from the result of `to_json`.

    Images of a folder that no longer exist are left out, with a warning.

    Args:
        content: What `to_json` returned.
        settings: The settings of the run, with the location of its images.

    Raises:
        ValueError: If the table has changed.
    """
    source = Path(settings["folder"])
    if "fingerprint" not in content:
        return _of_folder(content, source)
    if not source.exists():
        raise FileNotFoundError(
            f"The table of this run is gone: {source}. It holds the images."
        )
    if fingerprint(source) != content["fingerprint"]:
        raise ValueError(
            f"{source} has changed since the run began. The run stores only "
            "the indices of its images in this table. Restore the table, or "
            "train another run."
        )
    records = open_records(source, columns_of_run(settings))
    train, held_out = (
        records[np.array(content[part], int)] for part in ("train", "held_out")
    )
    return Split(train, held_out, len(train))


def _of_folder(content, folder):
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
    num_captions = sum(len(entry["captions"]) for entry in content["train"])
    left = sum(len(record.captions) for record in parts["train"])
    return Split(
        **parts,
        num_train=len(content["train"]),
        gone_captions=num_captions - left,
    )
