"""Detects missing values of a table."""

from collections.abc import Mapping

import numpy as np


def is_missing(value) -> bool:
    """Whether a value of a table is missing.

    True for `None`, NaN, pandas' `NA` and `NaT`, blank strings, no bytes, an
    empty list or array, and a dict without any value, such as `{"bytes": None,
    "path": None}`.
    """
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, bytes | list | tuple):
        return not len(value)
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    if isinstance(value, np.ndarray):
        return not value.size
    if isinstance(value, Mapping):
        return all(each is None for each in value.values())
    # Missing values of pandas, recognized without importing pandas.
    return type(value).__name__ in ("NAType", "NaTType")
