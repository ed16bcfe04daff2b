"""Representations and labels of a dataset, in one pass."""

import operator
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.trainer.correct_bfloat16 import correct_bfloat16
from keras_contrastive.trainer.empty_data import errors_of_empty_data
from keras_contrastive.validation import check_positive_int


def extract_features(
    model: keras.Model,
    data: Any,
    batch_size: int = 256,
    verbose: int | str = "auto",
) -> tuple[np.ndarray, np.ndarray | None]:
    """Runs `model.predict` on images and returns the matching labels.

    Features and labels come from the same pass over the data, so they match
    even if the dataset shuffles itself each time it is read. For a
    `SimCLRModel` the features are the representation h, without augmentation.

    Args:
        model: An object with a Keras `predict` that returns one vector per
            image: a `SimCLRModel`, its `encoder`, or any other encoder.
        data: Images or an `(images, labels)` tuple, as arrays; or a finite
            dataset (`tf.data.Dataset`, `keras.utils.PyDataset`, PyTorch
            `DataLoader`, any iterable) of batches of images or of
            `(images, labels)`. Instead of images, any inputs that the model
            takes: an array or a dict of arrays.
        batch_size: Number of images in a batch, if `data` is arrays.
        verbose: As in `keras.Model.predict`: 0 is silent, `"auto"` or 1 shows
            a progress bar, 2 one line.

    Returns:
        `(features, labels)`: a float32 NumPy array of shape `(n, dim)`, and a
        NumPy array of shape `(n,)`, or `None` if the data has no labels.

    Raises:
        ValueError: If the data is infinite or empty, the labels do not match
            the images, or the model does not return a vector per image.

    Example:

    ```python
    import keras
    import numpy as np
    from keras_contrastive.evaluation import extract_features

    encoder = keras.Sequential([keras.layers.GlobalAveragePooling2D()])
    images = np.random.default_rng(0).random((10, 8, 8, 3))
    labels = np.arange(10) % 2
    features, labels = extract_features(encoder, (images, labels), verbose=0)
    print(features.shape)  # (10, 3)
    ```
    """
    if not hasattr(model, "predict"):
        raise ValueError(
            "`model` must have a method `predict`, as Keras models do. "
            f"Received: model={model!r}"
        )
    batch_size = check_positive_int("batch_size", batch_size)
    if is_arrays(data):
        images, labels = data, None
        if isinstance(data, tuple):
            if len(data) != 2:
                raise ValueError(
                    "`data` must be images or a tuple (images, labels), or a "
                    f"dataset. Received: a tuple of {len(data)}"
                )
            images, labels = data
        with correct_bfloat16(model), errors_of_empty_data():
            features = model.predict(
                images, batch_size=batch_size, verbose=verbose
            )
    else:
        with correct_bfloat16(model), errors_of_empty_data():
            features, labels = _predict_batches(model, data, verbose)
    if not hasattr(features, "ndim") or features.ndim != 2:
        received = getattr(features, "shape", type(features).__name__)
        raise ValueError(
            "`model.predict` must return one vector per image, shape "
            f"(n, dim). Received: {received}. Does the encoder lack pooling?"
        )
    if labels is not None:
        labels = as_labels(labels, "labels", len(features))
    return features.astype("float32"), labels


def is_arrays(data) -> bool:
    """Whether `data` is `images` or `(images, labels)`, not a dataset."""
    return isinstance(data, (tuple, dict)) or hasattr(data, "shape")


def _predict_batches(model, dataset, verbose):
    batches, num_batches = _batches(dataset)
    labels = []

    def images_of_batches():
        for batch in batches:
            images, batch_labels, _ = keras.utils.unpack_x_y_sample_weight(
                batch
            )
            if batch_labels is not None:
                labels.append(np.atleast_1d(ops.convert_to_numpy(batch_labels)))
            yield (images,)

    with warnings.catch_warnings():
        # A dataset of unknown length is assumed to be finite.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        # `predict` reads the generator once, and the generator fills `labels`.
        features = model.predict(
            images_of_batches(), steps=num_batches, verbose=verbose
        )
    return features, np.concatenate(labels) if labels else None


def _batches(dataset):
    """Returns an iterable over one pass, and its length or `None`."""
    is_py_dataset = isinstance(dataset, keras.utils.PyDataset)
    if is_py_dataset:
        num_batches = dataset.num_batches
        is_endless = num_batches is None
    else:
        num_batches = operator.length_hint(dataset) or None
        # Only `tf.data` reports this: an infinite dataset has cardinality -1.
        cardinality = getattr(dataset, "cardinality", None)
        is_endless = cardinality is not None and int(cardinality()) == -1
    if is_endless:
        raise ValueError(
            "`data` must be finite. Received an endless data set: leave out "
            "`repeat()`, or limit it with `take()`."
        )
    if is_py_dataset:
        return map(dataset.__getitem__, range(num_batches)), num_batches
    return dataset, num_batches
