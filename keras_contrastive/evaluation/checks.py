"""Checks of features and labels that the evaluation functions share."""

import numbers
from typing import Any

import numpy as np
from keras import ops

# Maximum size of one chunk of similarities, in bytes.
CHUNK_BYTES = 2**27
# Rows that are normalized at once.
NORMALIZED_ROWS = 1024


def as_array(value: Any, name: str, dtype: Any = None) -> np.ndarray:
    """Returns an array, tensor or nested list as a NumPy array."""
    try:
        return np.asarray(ops.convert_to_numpy(value), dtype=dtype)
    except Exception as error:  # of any type, depending on the library
        raise ValueError(
            f"`{name}` must be an array or a tensor. "
            f"Received: {type(value).__name__} ({error})"
        ) from error


def as_features(features: Any, name: str, dtype: str = "float32") -> np.ndarray:
    """Returns `features` as a finite NumPy array of floats, (rows, dim)."""
    features = as_array(features, name, dtype)
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
    labels = as_array(labels, name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "T":  # NumPy's strings of variable length
        labels = labels.astype(object)
    if labels.shape != (num_rows,):
        raise ValueError(
            f"`{name}` must hold one class per row, shape ({num_rows},). "
            f"Received an array of shape {labels.shape}."
        )
    if not _are_classes(labels):
        raise ValueError(
            f"`{name}` must be integers or strings, without missing values. "
            f"Received an array of {labels.dtype}, with {labels[:3].tolist()}."
        )
    return labels


def _are_classes(labels):
    if labels.dtype != object:
        return labels.dtype.kind != "f"
    # Columns of pandas: strings, or any values if some are missing.
    return any(
        all(isinstance(label, kind) for label in labels)
        for kind in (str, numbers.Integral)
    )


def check_same_kind(labels, others, names=("train_labels", "test_labels")):
    """Raises for strings and numbers, since they are never equal."""
    if len({_is_text(each) for each in (labels, others)}) > 1:
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must both be strings, or both "
            f"integers. Received: {labels[0]!r} and {others[0]!r}"
        )


def _is_text(labels):
    is_object = labels.dtype == object
    return labels.dtype.kind in "STU" or (
        is_object and not isinstance(labels[0], numbers.Integral)
    )


def normalize_rows(features):
    """Scales the rows of a NumPy array to unit length, in float32.

    A row of zeros stays zero. Unlike with `l2_normalize`, the result does not
    depend on the backend, the device or the scale of a row: squares of values
    above 1e19 would overflow, and squares of values below 1e-23 would vanish.
    """
    features = np.asarray(features, "float32")
    unit = np.empty_like(features)
    # Blocks of rows, so that what is computed on the way takes little memory.
    for start in range(0, len(features), NORMALIZED_ROWS):
        rows = slice(start, start + NORMALIZED_ROWS)
        unit[rows] = _normalize(features[rows])
    return unit


def _normalize(features):
    largest = np.maximum(
        features.max(axis=1, keepdims=True),
        -features.min(axis=1, keepdims=True),
    )
    # A power of 2, by which floats are divided without rounding.
    exponent = np.clip(np.frexp(largest)[1], -120, 120)
    scaled = features * np.ldexp(np.float32(1), -exponent)
    norm = np.sqrt(np.sum(scaled**2, axis=1, keepdims=True))
    return scaled / np.where(norm > 0, norm, 1)


def check_same_width(
    features_a, features_b, names=("train_features", "test_features")
):
    if features_a.shape[1] != features_b.shape[1]:
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must have the same width. "
            f"Received shapes {features_a.shape} and {features_b.shape}."
        )
