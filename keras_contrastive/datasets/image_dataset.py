"""Batches of images alone, drawn anew in every epoch."""

import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.datasets.arguments import short_repr
from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.captioned_image import take_record
from keras_contrastive.datasets.image_folder import ImageFolder
from keras_contrastive.datasets.image_folder import image_folder
from keras_contrastive.datasets.image_text_dataset import ImageTextDataset
from keras_contrastive.datasets.sequences import as_sequence


class ImageDataset(ImageTextDataset):
    """Image files for `SimCLRModel.fit`, on every backend.

    Each batch is a uint8 array of shape `(batch_size, height, width, 3)`. All
    else is as in `ImageTextDataset`, which this is without the texts: threads
    that decode ahead, an order that depends on `seed` and the epoch alone,
    `follow_epochs()` for runs in parts, a warning that names unreadable files.

    Args:
        images: a folder, whose images `image_folder` finds; or a sequence of
            images, each in a form that `ImageTextDataset` takes (path, bytes,
            dict of `"bytes"` and `"path"`, Pillow image, array), or of dicts
            with such an image as `"image"`. Such sequences are lists, arrays
            of shape `(n, height, width, channels)`, data sets of Hugging Face
            and their columns (`dataset["image"]`), and columns of a
            DataFrame. It is read from several threads.
        batch_size: int, at least 1.
        image_size: int or `(height, width)`, in pixels.
        **kwargs: `shuffle`, `seed`, `drop_remainder`, `cache`, `workers`,
            `max_queue_size` and `max_bad_fraction` of `ImageTextDataset`.

    Raises:
        FileNotFoundError: as `image_folder`.
        ValueError: as `ImageTextDataset`.

    Example:
        ```python
        import keras
        import numpy as np
        import keras_contrastive as kc

        for name in ("1.png", "2.png"):
            keras.utils.save_img(name, np.zeros((40, 60, 3)))
        dataset = kc.datasets.ImageDataset(".", batch_size=2, image_size=32)
        assert dataset[0].shape == (2, 32, 32, 3)
        ```
    """

    argument = "images"

    def __init__(
        self,
        images: str | os.PathLike | Sequence,
        batch_size: int,
        image_size: int | tuple[int, int],
        **kwargs: Any,
    ):
        images = _ImageRecords(_image_sequence(images))
        super().__init__(images, _no_tokens, batch_size, image_size, **kwargs)

    def __getitem__(self, index: int) -> np.ndarray:
        return super().__getitem__(index)["images"]


class _ImageRecords:
    """Images as records, which need a caption that nobody reads here."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        if isinstance(image, CaptionedImage):
            image = image.image
        elif isinstance(image, Mapping) and "image" in image:
            image = image["image"]
        return CaptionedImage(image, ("image",), index)


def _image_sequence(images):
    if isinstance(images, str | os.PathLike):
        if Path(images).is_file():
            raise ValueError(
                "`images` must be a folder or a sequence. "
                f"Received: the file {os.fspath(images)!r}"
            )
        return image_folder(images).paths
    if isinstance(images, ImageFolder):
        return images.paths
    if isinstance(images, Iterator | Set):
        return list(images)
    images = as_sequence("images", images, ("image",))
    # Otherwise the rows of a single image would pass for gray images.
    shape = images.shape if hasattr(images, "dtype") else ()
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] <= 4):
        raise ValueError(
            "`images` must have the shape (n, height, width, channels) or "
            f"(n, height, width). Received: {short_repr(images)}"
        )
    _check_columns(images)
    return images


def _check_columns(images):
    try:
        row = take_record(images, 0, "images")
    except ValueError:
        return  # counted later, like other bad records
    if isinstance(row, Mapping) and not (
        "image" in row or {"bytes", "path"}.issuperset(row)
    ):
        raise ValueError(
            "`images` must hold images, or dicts with an 'image'. Received: "
            f"images[0] with {list(row)}. Give the column of images alone, "
            "such as dataset['img']."
        )


def _no_tokens(texts):
    return np.zeros((len(texts), 1), "int32")
