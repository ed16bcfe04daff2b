"""Weighted k-nearest-neighbor classification of representations."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from keras import ops

from keras_contrastive.accelerator import has_accelerator
from keras_contrastive.evaluation.checks import CHUNK_BYTES
from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.checks import check_same_width
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.evaluation.nearest_keys import largest_of_rows
from keras_contrastive.matmul import matmul
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int

# Rows that a thread selects from at once.
SELECTED_ROWS = 128


def knn_classify(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    k: int = 200,
    temperature: float = 0.1,
    chunk_size: int | None = None,
) -> np.ndarray:
    """Labels each test row by a weighted vote of its nearest training rows.

    The features are L2-normalized in float32. The `k` training rows with the
    highest cosine similarity to a test row vote for their class, each with
    weight

    `exp(similarity / temperature)`

    and the class with the largest sum wins. It requires neither training nor
    tuning, so it is the usual check of a representation during pre-training.
    Use the encoder's output h, not the projection z.

    Equal votes go to the class that comes first in sorted order.

    Args:
        train_features: Array of shape `(num_train, dim)`. The rows need not be
            normalized.
        train_labels: Integers or strings, shape `(num_train,)`.
        test_features: Array of shape `(num_test, dim)`.
        k: Number of neighbors that vote, at most `num_train`.
        temperature: Positive float. With smaller values, the nearest neighbors
            dominate more.
        chunk_size: Number of test rows compared with the training set at
            once. `None` keeps a chunk of similarities within 128 MiB. The
            result does not depend on it.

    Returns:
        A NumPy array of predicted labels, shape `(num_test,)`, with the dtype
        of `train_labels`.

    Raises:
        ValueError: If features are not finite, non-empty matrices of one
            width, the labels do not match the features, or `k`,
            `temperature` or `chunk_size` is out of range.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import knn_classify

    train_features = np.array([[1.0, 0.1], [1.0, -0.1], [0.0, 1.0]])
    train_labels = np.array(["cat", "cat", "dog"])
    test_features = np.array([[2.0, 0.0], [0.1, 3.0]])
    knn_classify(train_features, train_labels, test_features, k=1)
    # array(['cat', 'dog'], dtype='<U3')
    ```

    Reference:
        - [Wu et al., 2018](https://arxiv.org/abs/1805.01978), section 3.4
    """
    train_features = as_features(train_features, "train_features")
    test_features = as_features(test_features, "test_features")
    check_same_width(train_features, test_features)
    train_labels = as_labels(train_labels, "train_labels", len(train_features))
    temperature = check_positive("temperature", temperature)
    if check_positive_int("k", k) > len(train_features):
        raise ValueError(
            "`k` must be at most the number of training rows, "
            f"{len(train_features)}. Received: k={k}"
        )
    if chunk_size is None:
        chunk_size = max(1, CHUNK_BYTES // (4 * len(train_features)))
    chunk_size = check_positive_int("chunk_size", chunk_size)

    classes, class_index = np.unique(train_labels, return_inverse=True)
    neighbors = _on_accelerator if has_accelerator() else _on_cpu
    winners = []
    for similarity, neighbor in neighbors(
        normalize_rows(train_features),
        (
            normalize_rows(test_features[start : start + chunk_size])
            for start in range(0, len(test_features), chunk_size)
        ),
        k,
    ):
        votes = _votes(
            similarity, class_index[neighbor], len(classes), temperature
        )
        winners.append(np.argmax(votes, axis=1))
    return classes[np.concatenate(winners)]


def _on_accelerator(keys, chunks, k):
    """Yields similarities and indices of the nearest keys, by chunk."""
    keys = ops.transpose(ops.convert_to_tensor(keys))
    for queries in chunks:
        similarity, neighbor = ops.top_k(
            matmul(ops.convert_to_tensor(queries), keys), k
        )
        yield (
            ops.convert_to_numpy(similarity),
            ops.convert_to_numpy(neighbor),
        )


def _on_cpu(keys, chunks, k):
    """Like `_on_accelerator`, in NumPy, which selects faster on a CPU.

    NumPy multiplies on all cores but selects on one, so that threads divide the
    rows. A multiplication does not overlap with a selection: each would wait
    for cores of the other.
    """
    similarity = None
    with ThreadPoolExecutor(os.cpu_count(), "knn") as pool:
        for queries in chunks:
            # Memory that is allocated for each chunk costs as much as the
            # selection. The first chunk is the largest.
            if similarity is None:
                similarity = np.empty((len(queries), len(keys)), "float32")
            similarity = similarity[: len(queries)]
            np.matmul(queries, keys.T, out=similarity)
            parts = [
                similarity[start : start + SELECTED_ROWS]
                for start in range(0, len(queries), SELECTED_ROWS)
            ]
            yield from pool.map(largest_of_rows, parts, itertools.repeat(k))


def _votes(similarity, neighbor_class, num_classes, temperature):
    """Sums the weights per class, (rows, k) -> (rows, num_classes)."""
    # Relative to the nearest neighbor, so that no temperature overflows.
    similarity = similarity.astype("float64")
    nearest = similarity.max(axis=1, keepdims=True)
    weights = np.exp((similarity - nearest) / temperature)
    rows = np.arange(len(similarity))[:, None]
    cells = rows * num_classes + neighbor_class
    votes = np.bincount(
        cells.ravel(), weights.ravel(), minlength=len(similarity) * num_classes
    )
    return votes.reshape(len(similarity), num_classes)
