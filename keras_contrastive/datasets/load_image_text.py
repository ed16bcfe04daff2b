"""Images and captions as arrays, for evaluation."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import keras
import numpy as np

from keras_contrastive.datasets.captioned_image import as_captioned_image
from keras_contrastive.datasets.captioned_image import check_columns
from keras_contrastive.datasets.captioned_image import describe
from keras_contrastive.datasets.captioned_image import take_record
from keras_contrastive.datasets.faults import Faults
from keras_contrastive.datasets.faults import check_max_bad_fraction
from keras_contrastive.datasets.image_files import check_image_size
from keras_contrastive.datasets.image_sources import read_image
from keras_contrastive.datasets.sequences import as_sequence

# Fewer are read before anybody wonders how long it takes.
PROGRESS_BAR_FROM = 500


class ImageTextArrays(NamedTuple):
    """What `load_image_text` returns.

    Attributes:
        images: uint8 array, shape `(n, height, width, 3)`.
        captions: list of `m` strings, those of an image beside each other.
        image_index: int array, shape `(m,)`: caption `j` describes
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
) -> ImageTextArrays:
    """Decodes images and lists all their captions, as retrieval needs them.

    `kc.evaluation.retrieval_recall` wants every caption of every image, where
    `ImageTextDataset` draws one. The images are resized as they are there, in
    as many threads as there are cores. Those that can't be read are left out
    together with their captions, and named in a warning.

    Args:
        records: sequence of `CaptionedImage`s or dicts, as `ImageTextDataset`
            takes them.
        image_size: int or `(height, width)`, in pixels.
        max_bad_fraction: float, the greatest share of records that may be
            unreadable.
        verbose: whether to show a progress bar if there are many.

    Returns:
        A named tuple of `images`, uint8 of shape `(n, height, width, 3)`;
        `captions`, a list of `m` strings; and `image_index`, int64 of shape
        `(m,)`, the place among `images` of each caption's image.

    Raises:
        ValueError: if there are no records, or too many can't be read.

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
    image_size = check_image_size(image_size)
    check_max_bad_fraction(max_bad_fraction)
    records = as_sequence("records", records, ("image", "captions"))
    if not len(records):
        raise ValueError("`records` must hold at least one. Received: none")
    check_columns(records)
    faults = Faults(
        "images or captions cannot be read", len(records), max_bad_fraction
    )
    images = np.empty((len(records), *image_size, 3), "uint8")

    def load(index):
        record = None
        try:
            record = take_record(records, index)
            record = as_captioned_image(record, index)
            images[index] = read_image(record.image, image_size)
        except (OSError, ValueError) as error:
            faults.add(describe(record, index), str(error)[:400])
            faults.check()
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
    faults.warn("They are left out, with their captions.")

    counts = np.array([len(each) for each in captions])
    if not counts.all():
        images = images[counts > 0]
    return ImageTextArrays(
        images,
        [caption for each in captions for caption in each],
        np.repeat(np.arange(len(images)), counts[counts > 0]),
    )
