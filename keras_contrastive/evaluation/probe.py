"""Softmax regression on standardized features, shared by the probes."""

from typing import Any
from typing import NamedTuple

import numpy as np
from keras.utils import Progbar

from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.checks import check_same_kind
from keras_contrastive.evaluation.checks import check_same_width
from keras_contrastive.evaluation.softmax_regression import (
    solve_softmax_regression,
)

# Number of rows whose logits and gradient are computed at once, in the cache.
BLOCK = 4096
STATISTICS_ROWS = 128


class ProbeData(NamedTuple):
    """Checked features and labels of a probe.

    Attributes:
        train_features, test_features: Float32 arrays `(rows, dim)`.
        train_index, test_index: Int arrays `(rows,)`, positions in `classes`.
        classes: Sorted array of the labels of the training set.
    """

    train_features: np.ndarray
    train_index: np.ndarray
    test_features: np.ndarray
    test_index: np.ndarray
    classes: np.ndarray


def check_probe_data(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
) -> ProbeData:
    """Converts the data of a probe, or raises a `ValueError`."""
    train_features = as_features(train_features, "train_features")
    test_features = as_features(test_features, "test_features")
    check_same_width(train_features, test_features)
    train_labels = as_labels(train_labels, "train_labels", len(train_features))
    test_labels = as_labels(test_labels, "test_labels", len(test_features))
    check_same_kind(train_labels, test_labels)
    classes, train_index = np.unique(train_labels, return_inverse=True)
    test_index = _positions(test_labels, classes)
    unseen = test_labels[classes[test_index] != test_labels]
    if len(unseen):
        raise ValueError(
            "`test_labels` must hold classes that `train_labels` has too. "
            f"Received {len(set(unseen.tolist()))} others, such as "
            f"{unseen.tolist()[0]!r}."
        )
    return ProbeData(
        train_features, train_index, test_features, test_index, classes
    )


def _positions(labels, classes):
    """Where labels are in sorted classes, or would be, below `len(classes)`."""
    if labels.dtype.kind in "iu" and classes.dtype.kind in "iu":
        # NumPy would search among signed and unsigned integers as floats.
        labels = labels.astype(classes.dtype)
    return np.minimum(classes.searchsorted(labels), len(classes) - 1)


def feature_statistics(features: np.ndarray) -> tuple:
    """Returns the mean and the standard deviation of each feature."""
    # Computed in float64 blocks that stay in the cache, relative to the first
    # row: the sum of squares of large features would lose their deviations.
    total, squares = np.zeros((2, features.shape[1]))
    for start in range(0, len(features), STATISTICS_ROWS):
        block = features[start : start + STATISTICS_ROWS]
        rows: np.ndarray = block.astype("float64")
        rows -= features[0]
        total += rows.sum(axis=0)
        squares += np.einsum("rd,rd->d", rows, rows)
    offset = total / len(features)
    variance = np.maximum(squares / len(features) - offset**2, 0.0)
    mean = (features[0] + offset).astype("float32")
    scale = np.sqrt(variance).astype("float32")
    # A constant feature holds only rounding noise, which must not be amplified.
    is_constant = scale <= 1e-6 * np.abs(mean)
    return mean, np.where(is_constant, np.float32(1.0), scale)


def standardized_inputs(features: np.ndarray, mean: Any, scale: Any) -> Any:
    """Standardizes, and appends a column of ones for the bias."""
    inputs = np.ones((len(features), features.shape[1] + 1), "float32")
    standardized = inputs[:, :-1]
    np.subtract(features, mean, out=standardized)
    standardized /= scale
    return inputs


def solve_probe(
    inputs: np.ndarray,
    class_index: np.ndarray,
    num_classes: int,
    max_passes: int,
    progress: Progbar | None = None,
) -> np.ndarray:
    """Minimizes the penalized cross-entropy; returns the weights."""
    passes = 0

    def report(count, loss):
        nonlocal passes
        passes = count
        if progress:
            progress.update(passes, [("loss", loss)], finalize=False)

    def loss_and_gradient(weights):
        loss, gradient = 0.0, np.zeros(weights.shape)
        for start in range(0, len(inputs), BLOCK):
            block = slice(start, start + BLOCK)
            share = len(inputs[block]) / len(inputs)
            of_block = loss_and_gradient_of_rows(
                weights, inputs[block], class_index[block]
            )
            loss += share * of_block[0]
            gradient += share * of_block[1]
        return loss, gradient

    weights = solve_softmax_regression(
        loss_and_gradient,
        inputs,
        num_classes,
        1.0 / len(inputs),
        max_passes,
        report,
    )
    if progress:
        progress.update(passes, finalize=True)
    return weights


def _log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def loss_and_gradient_of_rows(
    weights: np.ndarray, inputs: np.ndarray, class_index: np.ndarray
) -> tuple[float, np.ndarray]:
    """Returns the mean cross-entropy and its gradient in `weights`."""
    # Classes come first, since NumPy sums a few classes faster along the first
    # axis.
    logits = weights.T @ inputs.T
    logits -= logits.max(axis=0)
    probability = np.exp(logits)
    total = probability.sum(axis=0)
    rows = np.arange(len(inputs))
    loss = np.mean(np.log(total) - logits[class_index, rows])
    probability /= total
    probability[class_index, rows] -= 1.0
    gradient = (probability @ inputs).T
    return float(loss), gradient / np.float32(len(inputs))


def probe_scores(
    logits: np.ndarray, class_index: np.ndarray
) -> dict[str, float]:
    """Accuracies and mean cross-entropy of logits `(rows, classes)`."""
    rows = np.arange(len(logits))
    own = logits[rows, class_index][:, None]
    # The rank of the correct class. Ties count against it. So do the NaN logits
    # of a probe that has diverged, for which all comparisons fail.
    rank = (~(logits < own)).sum(axis=1) - 1
    scores = {"accuracy": float((rank < 1).mean())}
    if logits.shape[1] > 5:
        scores["top5_accuracy"] = float((rank < 5).mean())
    scores["loss"] = float(-_log_softmax(logits)[rows, class_index].mean())
    return scores
