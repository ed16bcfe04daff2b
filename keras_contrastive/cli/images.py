"""Loads the readable images of a folder or table as an array."""

import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive import datasets
from keras_contrastive.cli.channels import Channels
from keras_contrastive.datasets.files.pixel_reader import PixelReader

MARK = ":"  # between the index of an image and its caption
FEW = 5  # damaged files that training tolerates in small data sets


def max_bad_fraction(num_images: int) -> float:
    """The fraction of damaged files that training tolerates.

    One in a hundred, or five files if that is more, but at most a quarter.
    """
    few = min(FEW, num_images // 4)
    return max(0.01, (few + 0.5) / num_images)


def load_records(
    records: Sequence,
    image_size: int,
    channels: Channels,
    verbose: bool = True,
):
    """Loads all readable records with `datasets.load_image_text`.

    Unreadable records are left out with a warning. If all are unreadable, it
    raises an error.
    """
    return datasets.load_image_text(
        records,
        image_size,
        max_bad_fraction=1 - 0.5 / len(records),
        verbose=verbose,
        **channels.reading(),
    )


class LoadedImages(NamedTuple):
    """The result of `load_images`.

    Attributes:
        images: Array, shape `(n, height, width, channels)`.
        places: List of n ints, the index of each image in the records.
        names: List of n strings: the path, or `row 7` for an image that is
            stored in a table without a path.
        captions: List of m strings, empty unless requested.
        image_index: Ints, shape `(m,)`, the image of each caption.
    """

    images: np.ndarray
    places: list[int]
    names: list[str]
    captions: list[str]
    image_index: np.ndarray


def load_images(
    records: Sequence,
    image_size: int,
    channels: Channels,
    with_captions: bool = False,
    verbose: bool = True,
) -> LoadedImages:
    """Loads the readable images of a sequence of paths or records."""
    numbered = NumberedImages(records, with_captions)
    images, marked, image_index = load_records(
        numbered, image_size, channels, verbose
    )
    firsts = np.unique(image_index, return_index=True)[1]
    places = [int(marked[first].partition(MARK)[0]) for first in firsts]
    names = [numbered.names[place] for place in places]
    captions = [text.partition(MARK)[2] for text in marked]
    if not with_captions:
        captions, image_index = [], np.zeros(0, int)
    return LoadedImages(images, places, names, captions, image_index)


class NumberedImages(Sequence):
    """Records whose captions begin with their index, read on access.

    Args:
        records: Sequence of paths, or of records.
        with_captions: Whether the caption follows the index.

    Attributes:
        names: Dict from indices to the names of the images read so far.
    """

    def __init__(self, records: Sequence, with_captions: bool = False):
        self._records = records
        self._with_captions = with_captions
        self.names: dict[int, str] = {}

    def __len__(self):
        return len(self._records)

    def __getitem__(self, place):
        record = self._records[place]
        image, row = getattr(record, "image", record), place
        if isinstance(self._records, datasets.ImageRecords):
            row = record.image_id
        self.names[place] = name_of(image) or f"row {row}"
        captions = [str(place)]
        if self._with_captions:
            # Invalid captions are passed on, so that the reader reports them.
            captions = [
                f"{place}{MARK}{text}"
                if isinstance(text, str) and text.strip()
                else text
                for text in record.captions
            ]
        return {"image": image, "captions": captions}


def name_of(image: Any) -> str | None:
    """The path of an image, if it has one."""
    path = image.get("path") if isinstance(image, Mapping) else image
    if not isinstance(path, str | os.PathLike) or not path:
        return None
    return os.fspath(path)


def picture_reader(
    records: Sequence, channels: Channels, image_size: int
) -> Callable[..., np.ndarray]:
    """Returns a function that reads the image of an index at this size.

    It reads the file or table again, because pictures for display are larger
    than the input of a model. If the image has been deleted or damaged since,
    the function returns its second argument, by default a black picture.
    """
    reader = PixelReader(image_size, **channels.reading())
    black: np.ndarray = np.zeros(reader.shape, reader.dtype)

    def read(place, instead=black):
        try:
            record = records[place]
            return reader.read(getattr(record, "image", record))
        except (OSError, ValueError):
            return instead

    return read
