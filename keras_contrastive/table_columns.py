"""Columns of pandas, polars and pyarrow among arrays."""

from typing import Any

import keras
import numpy as np


def as_array(column: Any) -> Any:
    """A column of a table as a NumPy array; anything else unchanged."""
    if hasattr(column, "iloc"):
        return column.to_numpy()  # np.asarray makes objects of nullable types
    if hasattr(column, "to_numpy"):
        return np.asarray(column)
    return column


def as_arrays(data: Any) -> Any:
    """`data` with columns of tables as NumPy arrays.

    Keras gives a column of pandas a second axis, and reads neither its
    nullable integers nor columns of polars and pyarrow.

    Args:
        data: Any structure of arrays, or a data set.
    """
    leaves = keras.tree.flatten(data)
    if not any(hasattr(leaf, "to_numpy") for leaf in leaves):
        return data
    return keras.tree.map_structure(as_array, data)
