"""CIFAR-10 through TensorFlow Datasets."""

from pathlib import Path

import keras
import numpy as np


def cifar10(
    split: str = "train",
    data_dir: str | Path | None = None,
    download: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10 as NumPy arrays: 32×32 colour images of ten classes.

    Reads what [TensorFlow Datasets](https://www.tensorflow.org/datasets) has
    prepared in `data_dir`, without touching the network; if there is nothing
    yet, it downloads (170 MB) and prepares it, once.

    TensorFlow Datasets parses and decodes with TensorFlow, which must therefore
    be installed whatever the Keras backend. On other backends than TensorFlow
    its GPUs are hidden from it, so that it leaves their memory alone. In an
    environment without TensorFlow, `keras.datasets.cifar10.load_data()` has
    the same images (its labels have the shape `(n, 1)`).

    Args:
        split: `"train"` (50,000 images), `"test"` (10,000), or any
            [split](https://www.tensorflow.org/datasets/splits) of these, such
            as `"train[:5000]"`.
        data_dir: folder that holds, or is to hold, `cifar10/`. Defaults to
            that of TensorFlow Datasets, `~/tensorflow_datasets`.
        download: whether to download what isn't there.

    Returns:
        `(images, labels)`: uint8 of shape `(n, 32, 32, 3)` and int64 of shape
        `(n,)`, in the order of the files.

    Raises:
        ImportError: if tensorflow-datasets or TensorFlow isn't installed.
        FileNotFoundError: if the data are absent and `download` is False, or
            the download fails.
        ValueError: if there is no such split.

    Example:
        ```python
        import keras_contrastive as kc

        try:
            images, labels = kc.datasets.cifar10("test", download=False)
        except (FileNotFoundError, ImportError) as error:
            print(error)
        ```
    """
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
            "`split` must be 'train', 'test' or a part of these. "
            f"Received: split={split!r}"
        ) from error
    images, labels = tfds.as_numpy(dataset)
    return images, labels


def import_tensorflow_datasets():
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
            # TensorFlow is already running: what it has, it keeps.
            pass
    return tfds


def prepare(builder, download):
    reason = f"there is no prepared CIFAR-10 in {builder.data_dir}"
    if not download:
        raise FileNotFoundError(f"`download` is False and {reason}.")
    try:
        builder.download_and_prepare()
    except Exception as error:
        # Whatever failed among network, proxy, checksum and disk, the reader
        # needs to know where the data were looked for.
        raise FileNotFoundError(
            f"CIFAR-10 cannot be downloaded and {reason}. Give the folder "
            "that holds `cifar10/` as `data_dir`."
        ) from error
