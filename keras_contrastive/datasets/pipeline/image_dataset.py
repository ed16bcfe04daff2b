"""Batches of images without captions."""

import os
from collections.abc import Iterator
from collections.abc import Sequence
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.datasets.files.image_folder import ImageFolder
from keras_contrastive.datasets.files.image_folder import image_folder
from keras_contrastive.datasets.files.pixel_reader import reads_rgb
from keras_contrastive.datasets.pipeline.epoch_sampling import EpochSample
from keras_contrastive.datasets.pipeline.record_dataset import RecordDataset
from keras_contrastive.datasets.pipeline.records import ImageRecord
from keras_contrastive.datasets.pipeline.records import as_image_record
from keras_contrastive.datasets.pipeline.records import check_image_column
from keras_contrastive.datasets.pipeline.sequences import as_sequence
from keras_contrastive.datasets.short_repr import short_repr


class ImageDataset(RecordDataset):
    """Batches of images for `SimCLRModel.fit`, on every backend.

    Each batch is a uint8 array of shape `(batch_size, height, width, 3)`. With
    `channels` and `value_range`, images may have any dtype and any number of
    channels.

    **Order.** Each epoch contains every image once. The order depends only on
    `seed` and the epoch, so that runs are repeatable. The argument `shuffle` of
    `fit` has no effect.

    **Size.** Images are decoded, resized and batched in threads, some batches
    ahead of the training step. The short side is resized with antialiasing and
    the center is cropped. The model's augmenter makes the random crops. To
    leave room for them, choose for example an `image_size` a tenth larger than
    the encoder's input.

    **Gray, infrared, many bands.** With `channels` and `value_range`, files may
    also be TIFF with any number of bands and any dtype, 16-bit PNG, `.npy`,
    `.npz` with one array or one named `image`, and DICOM with one frame. DICOM
    values are converted to those of the modality, such as Hounsfield units.
    TIFF and 16-bit color PNG need `pip install "keras_contrastive[bands]"`,
    DICOM needs `[dicom]`. Channels are the last axis of an array. An image with
    NaN or infinity is bad. A number that marks missing pixels, such as -9999,
    is clipped like any other value.

    **Bad images.** An image that cannot be read is replaced by another one of
    the epoch, so that shapes stay static. At the end of an epoch one warning
    names the bad images.

    **Epochs.** `epoch` counts the epochs from 0. Keras does not tell a data set
    which epoch `fit` starts with, neither with `fit(initial_epoch=10)` nor
    when a callback resumes a run. The `fit` of this package's models does. For
    other models, pass the callback of `follow_epochs()`, so that a resumed run
    sees the same batches as an uninterrupted one: `fit(dataset,
    callbacks=[dataset.follow_epochs()])`. In a custom loop, set
    `dataset.epoch` before each iteration.

    Args:
        images: A folder, whose images `image_folder` finds (arrays and DICOM
            too, with `channels` or `value_range`); or a sequence of
            images or of dicts with an image as `"image"`. An image is the path
            of a file, the bytes of one, a dict of `"bytes"` and `"path"`, a
            Pillow image, or an array of shape `(height, width)` or `(height,
            width, channels)`: gray or RGB, with or without alpha; uint8, uint16
            (65535 is white), other integers from 0 to 255, bool or floats from
            0 to 1. Such sequences are lists, arrays of shape `(n, height,
            width, channels)`, data sets of Hugging Face and their columns
            (`dataset["image"]`), and columns of a DataFrame. `image_records`
            converts tables and other data sets to such a sequence. The sequence
            is read from several threads.
        batch_size: Int, at least 1.
        image_size: Int or `(height, width)`, in pixels.
        shuffle: Whether each epoch has a new order.
        seed: Int, not negative.
        drop_remainder: Whether to drop the last images of each epoch if they
            do not fill a batch. Otherwise the last batch is smaller.
        cache: Whether to keep the resized images in memory: 12 kB each at
            64×64 pixels, 150 kB at 224×224.
        workers: Int, number of threads that decode. Defaults to the number of
            cores, or 1 for images so small that threads would wait for each
            other.
        max_queue_size: Int, number of batches prepared ahead.
        max_bad_fraction: Float, the largest fraction of images that may be
            unreadable.
        channels: Int or sequence of ints. 3, without a `value_range`, converts
            all images to RGB. Otherwise each image must have this number of
            channels, and is read without any conversion of its colors. A
            sequence, such as `(3, 2, 1)`, selects channels, in this order.
        value_range: Pair (low, high) of numbers, or of sequences of one number
            per channel that is read: the values that are mapped to 0 and 1 in
            float32 batches. Values outside are clipped without a warning.
            Required for images that are not uint8.

    Raises:
        FileNotFoundError: As `image_folder`.
        ValueError: If an argument is invalid, or too many of the first images
            are bad; while iterating, if too many images are bad.

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
        *,
        shuffle: bool = True,
        seed: int = 0,
        drop_remainder: bool = True,
        cache: bool = False,
        workers: int | None = None,
        max_queue_size: int = 4,
        max_bad_fraction: float = 0.01,
        channels: int | Sequence[int] = 3,
        value_range: Any = None,
    ):
        super().__init__(
            image_sequence(images, not reads_rgb(channels, value_range)),
            batch_size,
            image_size,
            shuffle=shuffle,
            seed=seed,
            drop_remainder=drop_remainder,
            cache=cache,
            workers=workers,
            max_queue_size=max_queue_size,
            max_bad_fraction=max_bad_fraction,
            channels=channels,
            value_range=value_range,
        )

    def _parse_record(self, record: Any, index: int) -> ImageRecord:
        return as_image_record(record)

    def _make_batch(
        self,
        images: np.ndarray,
        records: list[tuple[int, ImageRecord]],
        sample: EpochSample,
    ) -> np.ndarray:
        return images

    def __getitem__(self, index: int) -> np.ndarray:
        return super().__getitem__(index)


def image_sequence(images: Any, arrays: bool) -> Sequence:
    """The images of a folder, or those of any sequence.

    Args:
        images: See `ImageDataset`.
        arrays: See `image_folder`.
    """
    if isinstance(images, str | os.PathLike):
        if Path(images).is_file():
            raise ValueError(
                "`images` must be a folder or a sequence. For a table, name "
                "its column of images: `kc.datasets.image_records(file, "
                f"image=...)`. Received: the file {os.fspath(images)!r}"
            )
        return image_folder(images, arrays).paths
    if isinstance(images, ImageFolder):
        return images.paths
    if isinstance(images, Iterator | Set):
        return list(images)
    images = as_sequence("images", images, ("image",))
    # Otherwise the rows of a single image would be read as gray images.
    shape: tuple[int, ...] = images.shape if hasattr(images, "dtype") else ()
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] <= 4):
        raise ValueError(
            "`images` must have the shape (n, height, width, channels) or "
            f"(n, height, width). Received: {short_repr(images)}"
        )
    check_image_column(images)
    return images
