"""Flickr30k through TensorFlow Datasets."""

import os
from typing import Any

import keras

from keras_contrastive.datasets.published.flickr30k_files import find_files


def flickr30k(
    manual_dir: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    file_format: str | None = None,
    max_bad_fraction: float = 0.01,
) -> Any:
    """Flickr30k as a builder of TensorFlow Datasets.

    The authors of Flickr30k ask users to fill in a form, so no program can
    download it, and TensorFlow Datasets does not include it. `manual_dir`
    holds the files. `flickr30k_records` documents their names, formats and
    splits. `builder.download_and_prepare()` converts them to a data set in
    `data_dir`, with the features

    | name | value |
    |---|---|
    | `image` | uint8, shape `(height, width, 3)`; a JPEG on disk |
    | `captions` | a sequence of strings: five, as a rule |
    | `image_id` | int64, Karpathy's `imgid` if his splits file exists |
    | `filename` | string, the name of the JPEG |

    With `file_format="array_record"`, TensorFlow is required neither to prepare
    nor to read: `builder.as_data_source("train")` is a sequence of records that
    `ImageTextDataset` accepts. With
    `decoders={"image": tfds.decode.SkipDecoding()}`, `ImageTextDataset` decodes
    the images, which is faster because it decodes to the required size, and
    turns photographs upright. Other formats, and `builder.as_dataset`, need
    TensorFlow on every Keras backend.

    Training does not need any of this: `flickr30k_records` reads the same
    files.

    Args:
        manual_dir: Folder with the files. Only needed to prepare.
        data_dir: Folder that contains, or will contain, `flickr30k/`. Defaults
            to that of TensorFlow Datasets, `~/tensorflow_datasets`.
        file_format: `"tfrecord"` (the default), `"array_record"`, or another
            format of TensorFlow Datasets.
        max_bad_fraction: Float, the largest fraction of photographs, or of
            lines of captions, that may be left out while preparing.

    Returns:
        A `tfds.core.DatasetBuilder` named `flickr30k`.

    Raises:
        ImportError: If tensorflow-datasets is not installed.
        FileNotFoundError: If nothing is prepared in `data_dir` and `manual_dir`
            lacks files. The message says which ones, and where to get them.

    Example:
        ```python
        import keras_contrastive as kc

        try:
            builder = kc.datasets.flickr30k("downloads", data_dir="tfds")
            builder.download_and_prepare()
        except (FileNotFoundError, ImportError) as error:
            print(error)
        ```
    """
    try:
        import tensorflow_datasets  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "`keras_contrastive.datasets.flickr30k` needs "
            "tensorflow-datasets: pip install "
            f"'keras_contrastive[datasets]' ({error})."
        ) from error
    leave_gpus_to_keras()

    from keras_contrastive.datasets.published.flickr30k_builder import Flickr30k

    builder = Flickr30k(
        manual_dir=manual_dir,
        max_bad_fraction=max_bad_fraction,
        data_dir=data_dir,
        file_format=file_format,
    )
    if not builder.is_prepared():
        if manual_dir is None:
            raise FileNotFoundError(
                f"There is no prepared Flickr30k in {builder.data_dir}, and "
                "`manual_dir` is not given.\n"
                f"{builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            )
        find_files(manual_dir)
    return builder


def leave_gpus_to_keras():
    """Hides GPUs from TensorFlow, which only reads files here."""
    if keras.backend.backend() == "tensorflow":
        return
    try:
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")
    except (ImportError, RuntimeError):
        pass  # not installed, or already running with its devices
