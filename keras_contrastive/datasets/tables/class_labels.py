"""Class labels of any type as integers."""

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
    """Numbers the classes.

    Args:
        values: Iterable of n labels: integers, strings, bools, ... Floats that
            are whole numbers are read as integers, since a column of integers
            in which one is missing becomes floats.
        column: Name of the column, for messages.
        class_names: Names of the classes 0, 1, ..., if values are integers
            that are known to stand for these.

    Returns:
        `(labels, class_names)`: an int64 array of shape `(n,)`, -1 where the
        value is missing, and the names of the classes in their order, which is
        that of numbers or of the alphabet.

    Raises:
        ValueError: If a value is not a single one, or is not the number of one
            of `class_names`.
    """
    values = [_single(value, column) for value in values]
    if class_names is not None:
        return _numbered(values, column, class_names), list(class_names)
    classes = sorted({each for each in values if each is not None}, key=_order)
    numbers = {each: number for number, each in enumerate(classes)}
    labels = [MISSING if each is None else numbers[each] for each in values]
    return np.array(labels, "int64"), [str(each) for each in classes]


def _single(value, column) -> Any:
    """The value as a Python object, `None` where it is missing."""
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
        # Hugging Face writes -1 where the class is not known.
        if type(label) is not int or not MISSING <= label < len(class_names):
            raise ValueError(
                f"`label` must name a column of integers from 0 to "
                f"{len(class_names) - 1}, the number of its classes. "
                f"Received: {column!r}, with {short_repr(label)}"
            )
    return np.array(labels, "int64")


def _order(value):
    """Numbers before text, also where the numbers are text, then by name."""
    if isinstance(value, str) and value.isdecimal():
        return "", int(value), value
    if isinstance(value, Number):
        return "", value, ""
    name = type(value).__name__
    return name, str(value) if isinstance(value, str) else value, ""
