"""Loads the readable images of a folder as an array."""

from collections.abc import Sequence
from pathlib import Path

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


def load_images(paths: Sequence[Path], image_size: int, channels: Channels):
    """The images that can be read, and the index of each in `paths`."""
    # The index is passed along as the caption.
    loaded = load_records(
        [
            {"image": path, "captions": str(place)}
            for place, path in enumerate(paths)
        ],
        image_size,
        channels,
    )
    return loaded.images, [int(place) for place in loaded.captions]
