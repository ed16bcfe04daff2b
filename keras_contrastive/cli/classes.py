"""Splits labeled images into training and held-out images, and loads them."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive import datasets
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.held_out import Split
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.sources import FoundImages
from keras_contrastive.cli.sources import take
from keras_contrastive.datasets.captioned_image import CaptionedImage

PART = 5  # one in this many images of a class is held out
FEWEST_OF_A_CLASS = 2


class LabeledImages(NamedTuple):
    """Images in memory, with their classes.

    Attributes:
        images: Array, shape `(n, height, width, channels)`.
        labels: Int array, shape `(n,)`, indices of the names.
        names: List of n strings, the names of the images.
    """

    images: np.ndarray
    labels: np.ndarray
    names: list[str]


def split_classes(found: FoundImages) -> Split:
    """Holds out a fifth of the images of each class, at least one.

    Each image of a folder gets the name of its class as its caption.

    Raises:
        ValueError: If there are fewer than two classes, or a class has a
            single image.
    """
    names = found.class_names
    if found.labels is None or names is None:
        raise ValueError(
            "SOURCE must have classes: a folder with a subfolder for each, or "
            "a table with --label-column. Received: "
            f"{found.folder}, without classes"
        )
    labels = np.asarray(found.labels)
    counts = np.bincount(labels[labels >= 0], minlength=len(names))
    few = [f"{names[i]!r}" for i in np.flatnonzero(counts < FEWEST_OF_A_CLASS)]
    if len(names) < 2 or few:
        raise ValueError(
            "SOURCE must have two or more classes of two or more images, since "
            "at least one image of each class is held out. Received: "
            + (f"too few images of {', '.join(few)}" if few else f"{names}")
        )
    rng = np.random.default_rng(0)
    held_out = [
        rng.permutation(np.flatnonzero(labels == label))[
            : max(1, count // PART)
        ]
        for label, count in enumerate(counts)
    ]
    held_out = np.sort(np.concatenate(held_out))
    train = np.setdiff1d(np.flatnonzero(labels >= 0), held_out)
    records = found.records
    if not isinstance(records, datasets.ImageRecords):
        records = [
            CaptionedImage(path, (names[label],), index)
            for index, (path, label) in enumerate(
                zip(records, labels, strict=True)
            )
        ]
    return Split(take(records, train), take(records, held_out), len(train))


def load_classes(
    records: Sequence, names: Sequence[str], size: int, channels: Channels
) -> LabeledImages:
    """Loads the readable images of one part of a split."""
    labels = class_indices(records, names)
    loaded = load_images(records, size, channels)
    return LabeledImages(loaded.images, labels[loaded.places], loaded.names)


def class_indices(records: Any, names: Sequence[str]) -> np.ndarray:
    """The class of each record, as an index into `names`."""
    if isinstance(records, datasets.ImageRecords):
        own_names = records.class_names or []
        own = [own_names[label] for label in np.asarray(records.labels)]
    else:
        own = [record.captions[0] for record in records]
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[name] for name in own], int)
