"""Flickr30k through TensorFlow Datasets."""

import os
from typing import Any

import keras

from keras_contrastive.datasets.flickr30k_files import find_files


def flickr30k(
    manual_dir: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    file_format: str | None = None,
    max_bad_fraction: float = 0.01,
) -> Any:
    """Flickr30k as a builder of TensorFlow Datasets.

    Its authors ask for a form to be filled in, so that it can't be downloaded
    by a program, and isn't among TensorFlow Datasets' own. `manual_dir` holds
    the files; `flickr30k_records` says which, how they are read, and which
    splits there are. `builder.download_and_prepare()` makes a data set of them
    in `data_dir`, with the features

    | name | what it is |
    |---|---|
    | `image` | uint8, shape `(height, width, 3)`; a JPEG on disk |
    | `captions` | a sequence of strings: five, as a rule |
    | `image_id` | int64, Karpathy's `imgid` if there is such a file |
    | `filename` | string, the name of the JPEG |

    With `file_format="array_record"` neither preparing nor reading needs
    TensorFlow: `builder.as_data_source("train")` is a sequence of records that
    `ImageTextDataset` takes. With
    `decoders={"image": tfds.decode.SkipDecoding()}` it leaves the decoding to
    `ImageTextDataset`, which decodes to the size needed, faster, and turns
    photographs upright. The other formats, and `builder.as_dataset`, need
    TensorFlow, whatever the Keras backend.

    To train, none of this is needed: `flickr30k_records` reads the same files.

    Args:
        manual_dir: folder that holds the files; needed to prepare only.
        data_dir: folder that holds, or is to hold, `flickr30k/`. Defaults to
            that of TensorFlow Datasets, `~/tensorflow_datasets`.
        file_format: `"tfrecord"` (the default) or `"array_record"`, or another
            that TensorFlow Datasets knows.
        max_bad_fraction: float, the greatest share of the photographs, or of
            the lines of captions, that may be left out in preparing.

    Returns:
        A `tfds.core.DatasetBuilder` named `flickr30k`, prepared or to be
        prepared.

    Raises:
        ImportError: if tensorflow-datasets isn't installed.
        FileNotFoundError: if nothing is prepared in `data_dir`, and
            `manual_dir` lacks files. The message says which, and where to get
            them.

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

    from keras_contrastive.datasets.flickr30k_builder import Flickr30k

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
    """TensorFlow, as a reader of files, takes no memory of GPUs."""
    if keras.backend.backend() == "tensorflow":
        return
    try:
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")
    except (ImportError, RuntimeError):
        # There is none, or it is already running: what it has, it keeps.
        pass
