"""Checks of features and labels that the evaluation functions share."""

import numpy as np
from keras import ops


def as_features(features, name):
    """Returns `features` as a finite float32 NumPy array, (rows, dim)."""
    features = np.asarray(ops.convert_to_numpy(features), dtype="float32")
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(
            f"`{name}` must be a non-empty array of shape (rows, dim). "
            f"Received an array of shape {features.shape}."
        )
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features).all(axis=1)).sum())
        raise ValueError(
            f"`{name}` must be finite. Received NaN or infinite values in "
            f"{bad} of {len(features)} rows."
        )
    return features


def as_labels(labels, name, num_rows):
    """Returns `labels` as a NumPy array, (num_rows,).

    A trailing axis of size 1 is dropped: `keras.datasets` has labels so.
    """
    labels = np.asarray(ops.convert_to_numpy(labels))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (num_rows,):
        raise ValueError(
            f"`{name}` must hold one class per row, shape ({num_rows},). "
            f"Received an array of shape {labels.shape}."
        )
    if labels.dtype.kind == "f":
        raise ValueError(
            f"`{name}` must be integers or strings. "
            f"Received an array of {labels.dtype}."
        )
    return labels


def check_same_width(train_features, test_features):
    if train_features.shape[1] != test_features.shape[1]:
        raise ValueError(
            "`train_features` and `test_features` must have the same width. "
            f"Received shapes {train_features.shape} and "
            f"{test_features.shape}."
        )


def check_positive(value, name):
    if not value > 0:
        raise ValueError(f"`{name}` must be positive. Received: {value}")
