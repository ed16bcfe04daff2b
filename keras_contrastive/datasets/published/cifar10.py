"""CIFAR-10 through TensorFlow Datasets."""

from pathlib import Path

import keras
import numpy as np

from keras_contrastive.validation import check_bool


def cifar10(
    split: str = "train",
    data_dir: str | Path | None = None,
    download: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10 as NumPy arrays: 32×32 color images of ten classes.

    Reads the copy that
    [TensorFlow Datasets](https://www.tensorflow.org/datasets) prepared in
    `data_dir`, without network access. If there is none yet, downloads (170
    MB) and prepares it once.

    TensorFlow Datasets parses and decodes with TensorFlow, which must therefore
    be installed on every Keras backend. On other backends than TensorFlow, GPUs
    are hidden from it, so that it does not allocate their memory. In an
    environment without TensorFlow, `keras.datasets.cifar10.load_data()` returns
    the same images (its labels have the shape `(n, 1)`).

    Args:
        split: `"train"` (50,000 images), `"test"` (10,000), or any
            [split](https://www.tensorflow.org/datasets/splits) of these, such
            as `"train[:5000]"`.
        data_dir: Folder that contains, or will contain, `cifar10/`. Defaults
            to that of TensorFlow Datasets, `~/tensorflow_datasets`.
        download: Whether to download the data if they are missing.

    Returns:
        `(images, labels)`: uint8 of shape `(n, 32, 32, 3)` and int64 of shape
        `(n,)`, in the order of the files.

    Raises:
        ImportError: If tensorflow-datasets or TensorFlow is not installed.
        FileNotFoundError: If the data are missing and `download` is False, or
            the download fails.
        ValueError: If there is no such split.

    Example:
        ```python
        import keras_contrastive as kc

        try:
            images, labels = kc.datasets.cifar10("test", download=False)
        except (FileNotFoundError, ImportError) as error:
            print(error)
        ```
    """
    download = check_bool("download", download)
    tfds = import_tensorflow_datasets()
    builder = tfds.builder("cifar10", data_dir=data_dir)
    if not builder.is_prepared():
        prepare(builder, download)
    try:
        dataset = builder.as_dataset(
            split=split, batch_size=-1, as_supervised=True
        )
    except ValueError as error:
        raise ValueError(
            "`split` must be 'train', 'test' or a part of one of them. "
            f"Received: split={split!r}"
        ) from error
    images, labels = tfds.as_numpy(dataset)
    return images, labels


def import_tensorflow_datasets():
    """Returns the module, with GPUs left to the Keras backend."""
    try:
        import tensorflow as tf
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            "`keras_contrastive.datasets.cifar10` needs tensorflow-datasets "
            "and TensorFlow: pip install "
            f"'keras_contrastive[datasets,tensorflow]' ({error})."
        ) from error
    if keras.backend.backend() != "tensorflow":
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError:
            pass  # TensorFlow is already running and keeps its devices
    return tfds


def prepare(builder, download):
    """Downloads and prepares the data, or raises."""
    reason = f"there is no prepared CIFAR-10 in {builder.data_dir}"
    if not download:
        raise FileNotFoundError(f"`download` is False and {reason}.")
    try:
        builder.download_and_prepare()
    except Exception as error:
        # The cause may be the network, a proxy, a checksum or the disk, so the
        # message names the searched folder.
        raise FileNotFoundError(
            f"CIFAR-10 cannot be downloaded and {reason}. Give the folder "
            "that holds `cifar10/` as `data_dir`."
        ) from error
