"""Loads the readable images of a folder or table as an array."""

import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_contrastive import datasets
from keras_contrastive.cli.channels import Channels

FEW = 5  # damaged files that do not stop training


def max_bad_fraction(num_images: int) -> float:
    """The fraction of damaged files that training tolerates.

    One in a hundred, or five files if that is more, but at most a quarter.
    """
    few = min(FEW, num_images // 4)
    return max(0.01, (few + 0.5) / num_images)


def load_records(records: Sequence, image_size: int, channels: Channels):
    """`datasets.load_image_text` of all readable records.

    Unreadable ones are left out, with a warning; it raises if none are left.
    """
    return datasets.load_image_text(
        records,
        image_size,
        max_bad_fraction=1 - 0.5 / len(records),
        **channels.reading(),
    )


class LoadedImages(NamedTuple):
    """The result of `load_images`.

    Attributes:
        images: Array, shape `(n, height, width, channels)`.
        places: List of n ints, the index of each in the records.
        names: List of n strings: the path, or `row 7` for an image that lies
            in a table without one.
    """

    images: np.ndarray
    places: list[int]
    names: list[str]


def load_images(
    records: Sequence, image_size: int, channels: Channels
) -> LoadedImages:
    """The images that can be read, of paths or of `ImageRecords`."""
    numbered = NumberedImages(records)
    loaded = load_records(numbered, image_size, channels)
    places = [int(place) for place in loaded.captions]
    names = [numbered.names[place] for place in places]
    return LoadedImages(loaded.images, places, names)


class NumberedImages(Sequence):
    """Records whose caption is their place, read when they are asked for.

    Args:
        records: Sequence of paths, or `ImageRecords`.

    Attributes:
        names: Dict from places to the names of the images read so far.
    """

    def __init__(self, records: Sequence):
        self._records = records
        self.names: dict[int, str] = {}

    def __len__(self):
        return len(self._records)

    def __getitem__(self, place):
        record = self._records[place]
        image, row = getattr(record, "image", record), place
        if isinstance(self._records, datasets.ImageRecords):
            row = record.image_id
        path = image.get("path") if isinstance(image, Mapping) else image
        is_path = isinstance(path, str | os.PathLike) and path
        self.names[place] = os.fspath(path) if is_path else f"row {row}"
        return {"image": image, "captions": str(place)}
