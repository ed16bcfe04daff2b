"""Batches of images alone, drawn anew in every epoch."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.datasets.image_text_dataset import ImageTextDataset


class ImageDataset(ImageTextDataset):
    """Image files for `SimCLRModel.fit`, on every backend.

    Each batch is a uint8 array of shape `(batch_size, height, width, 3)`. All
    else is as in `ImageTextDataset`, which this is without the texts: threads
    that decode ahead, an order that depends on `seed` and the epoch alone,
    `follow_epochs()` for runs in parts, a warning that names unreadable files.

    Args:
        images: sequence of paths, of the bytes of image files, or of uint8
            arrays.
        batch_size: int, at least 1.
        image_size: int or `(height, width)`, in pixels.
        **kwargs: `shuffle`, `seed`, `drop_remainder`, `cache`, `workers`,
            `max_queue_size` and `max_bad_fraction` of `ImageTextDataset`.

    Raises:
        ValueError: as `ImageTextDataset`.

    Example:
        ```python
        import keras
        import numpy as np
        import keras_contrastive as kc

        for name in ("1.png", "2.png"):
            keras.utils.save_img(name, np.zeros((40, 60, 3)))
        paths = kc.datasets.image_folder(".").paths
        dataset = kc.datasets.ImageDataset(paths, batch_size=2, image_size=32)
        assert dataset[0].shape == (2, 32, 32, 3)
        ```
    """

    def __init__(
        self,
        images: Sequence[str | os.PathLike | bytes | np.ndarray],
        batch_size: int,
        image_size: int | tuple[int, int],
        **kwargs: Any,
    ):
        # A record needs a caption, which nobody reads here.
        records = [{"image": image, "captions": "image"} for image in images]
        super().__init__(records, _no_tokens, batch_size, image_size, **kwargs)

    def __getitem__(self, index: int) -> np.ndarray:
        return super().__getitem__(index)["images"]


def _no_tokens(texts):
    return np.zeros((len(texts), 1), "int32")
