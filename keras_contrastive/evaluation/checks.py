"""Checks of features and labels that the evaluation functions share."""

from typing import Any

import numpy as np
from keras import ops

from keras_contrastive.normalization import SMALLEST_SQUARED_NORM

# Maximum size of one chunk of similarities, in bytes.
CHUNK_BYTES = 2**27


def as_features(features: Any, name: str) -> np.ndarray:
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


def as_labels(labels: Any, name: str, num_rows: int) -> np.ndarray:
    """Returns `labels` as a NumPy array, (num_rows,).

    A trailing axis of size 1 is dropped: `keras.datasets` returns such labels.
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


def normalize_rows(features):
    """Scales the rows of a float32 NumPy array to unit length.

    Like `l2_normalize`, for functions whose result must not depend on the
    backend and its device.
    """
    squared_norm = np.sum(features**2, axis=1, keepdims=True)
    return features / np.sqrt(np.maximum(squared_norm, SMALLEST_SQUARED_NORM))


def check_same_width(
    features_a, features_b, names=("train_features", "test_features")
):
    if features_a.shape[1] != features_b.shape[1]:
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must have the same width. "
            f"Received shapes {features_a.shape} and {features_b.shape}."
        )
