"""Images of a folder as an array, those that can be read."""

from collections.abc import Sequence
from pathlib import Path

from keras_contrastive import datasets

FEW = 5  # damaged files that stop no training


def max_bad_fraction(num_images: int) -> float:
    """The share of damaged files that training takes.

    One in a hundred, or five where that is more, but a quarter at most.
    """
    few = min(FEW, num_images // 4)
    return max(0.01, (few + 0.5) / num_images)


def load_records(records: Sequence, image_size: int):
    """`datasets.load_image_text` of all that can be read.

    The others are left out, with a warning; if there are no others, it raises.
    """
    return datasets.load_image_text(
        records, image_size, max_bad_fraction=1 - 0.5 / len(records)
    )


def load_images(paths: Sequence[Path], image_size: int):
    """The images that can be read, and for each its place among `paths`."""
    # The place goes along as the caption.
    loaded = load_records(
        [
            {"image": path, "captions": str(place)}
            for place, path in enumerate(paths)
        ],
        image_size,
    )
    return loaded.images, [int(place) for place in loaded.captions]
