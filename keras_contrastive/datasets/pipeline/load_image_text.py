"""Images and captions as arrays, for evaluation."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.pixel_reader import PixelReader
from keras_contrastive.datasets.pipeline.records import as_captioned_image
from keras_contrastive.datasets.pipeline.records import check_caption_columns
from keras_contrastive.datasets.pipeline.records import describe
from keras_contrastive.datasets.pipeline.records import take_record
from keras_contrastive.datasets.pipeline.sequences import as_sequence
from keras_contrastive.validation import check_rate

PROGRESS_BAR_FROM = 500  # images; fewer take only seconds


class ImageTextArrays(NamedTuple):
    """The result of `load_image_text`.

    Attributes:
        images: uint8 array, shape `(n, height, width, 3)`, unless `channels`
            and `value_range` specify otherwise.
        captions: List of `m` strings, grouped by image.
        image_index: Int array, shape `(m,)`: caption `j` describes
            `images[image_index[j]]`.

    Example:
        ```python
        import numpy as np
        import keras_contrastive as kc

        record = {"image": np.zeros((8, 8, 3), "uint8"), "captions": ["night"]}
        validation = kc.datasets.load_image_text([record], image_size=8)
        print(validation.images.shape, validation.captions)
        ```
    """

    images: np.ndarray
    captions: list[str]
    image_index: np.ndarray


def load_image_text(
    records: Sequence,
    image_size: int | tuple[int, int],
    max_bad_fraction: float = 0.01,
    verbose: bool = True,
    channels: int | Sequence[int] = 3,
    value_range: Any = None,
) -> ImageTextArrays:
    """Loads images and all their captions into memory, for evaluation.

    `kc.evaluation.retrieval_recall` needs every caption of every image, while
    `ImageTextDataset` draws one per epoch. Images are resized as in
    `ImageTextDataset`, in one thread per core. Records that cannot be read are
    left out and named in a warning.

    Args:
        records: Sequence of records, in the forms that `ImageTextDataset`
            accepts.
        image_size: Int or `(height, width)`, in pixels.
        max_bad_fraction: Float, the largest fraction of records that may be
            unreadable.
        verbose: Whether to show a progress bar for 500 records or more.
        channels: Int or sequence of ints, see `ImageDataset`.
        value_range: Pair, see `ImageDataset`.

    Returns:
        A named tuple of `images`, uint8 of shape `(n, height, width, 3)` unless
        `channels` and `value_range` specify otherwise; `captions`, a list of
        `m` strings; and `image_index`, int64 of shape `(m,)`, the index in
        `images` of each caption's image.

    Raises:
        ValueError: If there are no records, or too many cannot be read.

    Example:
        ```python
        import numpy as np
        import keras_contrastive as kc

        records = [
            {"image": np.zeros((9, 9, 3), "uint8"), "captions": ["night"]},
            {"image": np.ones((9, 7, 3), "uint8"), "captions": ["a", "b"]},
        ]
        images, captions, image_index = kc.datasets.load_image_text(records, 8)
        assert images.shape == (2, 8, 8, 3)
        assert captions == ["night", "a", "b"]
        assert image_index.tolist() == [0, 1, 1]
        ```
    """
    reader = PixelReader(image_size, channels, value_range)
    max_bad_fraction = check_rate("max_bad_fraction", max_bad_fraction)
    records = as_sequence("records", records, ("image", "captions"))
    if not len(records):
        raise ValueError("`records` must hold at least one record. Received: 0")
    check_caption_columns(records)
    bad_records = BadRecords(
        "images cannot be used", len(records), max_bad_fraction
    )
    images: np.ndarray = np.empty((len(records), *reader.shape), reader.dtype)

    def load(index):
        record = None
        try:
            record = take_record(records, index)
            record = as_captioned_image(record, index)
            images[index] = reader.read(record.image)
        except (OSError, ValueError) as error:
            bad_records.add(describe(record, index), str(error)[:400])
            bad_records.check()
            return ()
        return record.captions

    progress = keras.utils.Progbar(
        len(records),
        verbose=int(verbose and len(records) > PROGRESS_BAR_FROM),
        unit_name="image",
    )
    captions = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for captions_of_one in pool.map(load, range(len(records))):
                captions.append(captions_of_one)
                progress.update(len(captions))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    bad_records.warn("They are left out.")

    counts = np.array([len(each) for each in captions])
    if not counts.all():
        images = images[counts > 0]
    return ImageTextArrays(
        images,
        [caption for each in captions for caption in each],
        np.repeat(np.arange(len(images)), counts[counts > 0]),
    )
