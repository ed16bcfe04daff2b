"""Converts class labels of any type to integers."""

import contextlib
from collections.abc import Hashable
from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np

from keras_contrastive.datasets.short_repr import short_repr
from keras_contrastive.datasets.tables.missing import is_missing

MISSING = -1


def class_labels(
    values: Iterable, column: Hashable, class_names: list[str] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Converts labels to integers.

    Args:
        values: Iterable of n labels: integers, strings, bools, ... Floats that
            are whole numbers are read as integers, since a column of integers
            with a missing value becomes a column of floats.
        column: Name of the column, for messages.
        class_names: Names of the classes 0, 1, ..., if values are known to be
            indices of these classes.

    Returns:
        `(labels, class_names)`: an int64 array of shape `(n,)`, -1 where the
        value is missing, and the names of the classes, in numerical or
        alphabetical order.

    Raises:
        ValueError: If a value is not a scalar, or not an index of
            `class_names`.
    """
    values = [_single(value, column) for value in values]
    if class_names is not None:
        return _numbered(values, column, class_names), list(class_names)
    classes = sorted({each for each in values if each is not None}, key=_order)
    numbers = {each: number for number, each in enumerate(classes)}
    labels = [MISSING if each is None else numbers[each] for each in values]
    return np.array(labels, "int64"), [str(each) for each in classes]


def _single(value, column) -> Any:
    """The value as a Python object, `None` if it is missing."""
    if is_missing(value):
        return None
    if isinstance(value, np.datetime64):
        return str(value)
    for method in ("item", "numpy"):  # of arrays and tensors
        if hasattr(value, method):
            with contextlib.suppress(Exception):  # several values
                value = getattr(value, method)()
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, tuple) or not isinstance(value, Hashable):
        raise ValueError(
            "`label` must name a column of single values. Received: "
            f"{column!r}, with {short_repr(value)}"
        )
    return value


def _numbered(values, column, class_names):
    labels = [MISSING if each is None else each for each in values]
    for label in labels:
        # Hugging Face writes -1 for an unknown class.
        if type(label) is not int or not MISSING <= label < len(class_names):
            raise ValueError(
                f"`label` must name a column of integers from 0 to "
                f"{len(class_names) - 1}, the number of its classes. "
                f"Received: {column!r}, with {short_repr(label)}"
            )
    return np.array(labels, "int64")


def _order(value):
    """Sort key: numbers, also as text, before other text, then by name."""
    if isinstance(value, str) and value.isdecimal():
        return "", int(value), value
    if isinstance(value, Number):
        return "", value, ""
    name = type(value).__name__
    return name, str(value) if isinstance(value, str) else value, ""
