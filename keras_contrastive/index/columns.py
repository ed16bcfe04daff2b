"""The ids and the columns of metadata of an index."""

import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_contrastive.table_columns import as_array


def new_ids(
    ids: Sequence | np.ndarray | None, count: int, existing: np.ndarray
) -> np.ndarray:
    """Ids of new rows as an array.

    Args:
        ids: Sequence of `count` strings, paths or ints; `None` for the ints
            after the largest one.
        count: Int, number of new rows.
        existing: Array of the ids that the index has.

    Raises:
        ValueError: If they do not fit the rows, or an id occurs twice.
    """
    if ids is None:
        if existing.dtype.kind not in "iu":
            raise ValueError(
                "`ids` must be given, since those of the index are strings. "
                "Received: ids=None"
            )
        first = existing.astype("int64").max(initial=-1) + 1
        return np.arange(first, first + count, dtype="int64")
    given = as_ids(ids)
    if given.shape != (count,):
        raise ValueError(
            f"`ids` must be {count} strings or ints, one for each row. "
            f"Received: {given.dtype} of shape {given.shape}"
        )
    if not _is_text(given):
        if given.max() > np.iinfo("int64").max:
            raise ValueError(
                f"`ids` must be below 2**63. Received: {given.max()}"
            )
        # Concatenated with signed integers, unsigned ones would become floats.
        given = given.astype("int64")
    if len(existing) and _is_text(given) != _is_text(existing):
        raise ValueError(
            "`ids` must be of one kind, strings or ints. Received: "
            f"{given.dtype} for an index of {existing.dtype}"
        )
    unique, counts = np.unique(given, return_counts=True)
    again = [*unique[counts > 1], *given[np.isin(given, existing)]]
    if again:
        raise ValueError(
            "`ids` must be different from each other and from those of the "
            f"index. Received twice: {np.array(again).tolist()[:5]}"
        )
    return given


def _on_host(values):
    """A tensor, on any device, or a column of a table as a NumPy array."""
    if keras.ops.is_tensor(values):
        return keras.ops.convert_to_numpy(values)
    return as_array(values)


def as_ids(ids: Any) -> np.ndarray:
    """Ids of rows as an array of strings (also for paths) or of ints.

    Args:
        ids: An id, or a collection of them.

    Raises:
        ValueError: If they are neither strings nor ints, or a mixture of both.
    """
    ids = _on_host(ids)
    if isinstance(ids, str | os.PathLike) or not np.iterable(ids):
        ids = [ids]
    ids = [
        os.fspath(each) if isinstance(each, os.PathLike) else each
        for each in ids
    ]
    given = np.asarray(ids)
    is_mixed = _is_text(given) and not all(isinstance(id, str) for id in ids)
    if len(ids) and (given.dtype.kind not in "iuU" or is_mixed):
        raise ValueError(
            "`ids` must be strings, or paths, or ints. "
            f"Received: {given.dtype} of shape {given.shape}, {ids[:5]}"
        )
    return given


def as_columns(metadata: Any) -> dict[str, Any]:
    """Columns by their names.

    Args:
        metadata: Dict of columns, a table of pandas, polars or pyarrow, or
            `None`.

    Raises:
        ValueError: If it is anything else, or a name is no string.
    """
    if metadata is None:
        return {}
    # Pyarrow's `columns` are the columns themselves.
    names = getattr(
        metadata, "column_names", getattr(metadata, "columns", None)
    )
    if isinstance(metadata, Mapping):
        names = metadata
    if names is None:
        raise ValueError(
            "`metadata` must be a dict of columns or a table. "
            f"Received: {type(metadata).__name__}"
        )
    others = [name for name in names if not isinstance(name, str)]
    if others:
        raise ValueError(
            f"The names of `metadata` must be strings. Received: {others[0]!r}"
        )
    return {name: metadata[name] for name in names}


def check_column(
    name: str, column: Sequence | np.ndarray, count: int
) -> np.ndarray:
    """A column of metadata as an array of `count` values, or raises."""
    values = np.asarray(_on_host(column))
    # This includes strings of pandas, and NumPy's strings of variable length.
    if all(isinstance(value, str) for value in values.flat):
        values = np.array(values.tolist(), str)
    if values.shape != (count,) or values.dtype.kind not in "biufU":
        raise ValueError(
            f"`metadata[{name!r}]` must be {count} strings, numbers or "
            f"booleans, one for each row. Received: {values.dtype} of shape "
            f"{values.shape}"
        )
    return values


def join_columns(name: str, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Concatenates two columns; raises for strings and numbers together."""
    if _is_text(old) != _is_text(new):
        raise ValueError(
            f"`metadata[{name!r}]` must be of the kind of {old.dtype}, as in "
            f"the index. Received: {new.dtype}"
        )
    return np.concatenate([old, new])


def kept_rows(
    where: Mapping[str, Any] | Callable,
    metadata: Mapping[str, np.ndarray],
    count: int,
) -> np.ndarray:
    """Booleans of shape `(count,)`: the rows that satisfy `where`.

    Args:
        where: See `EmbeddingIndex.search`.
        metadata: Dict of the columns.
        count: Int, number of rows.

    Raises:
        ValueError: If `where` is neither a dict of columns of `metadata` nor a
            function that returns such booleans.
    """
    if callable(where):
        kept = np.asarray(where(dict(metadata)))
        if kept.shape != (count,) or kept.dtype != bool:
            raise ValueError(
                f"`where` must return {count} booleans, one for each row. "
                f"Received: {kept.dtype} of shape {kept.shape}"
            )
        return kept
    if not isinstance(where, Mapping):
        raise ValueError(
            "`where` must be a dict of columns or a function. "
            f"Received: where={where!r}"
        )
    unknown = set(where) - set(metadata)
    if unknown:
        raise ValueError(
            f"`where` must name columns of {sorted(metadata)}. "
            f"Received: {sorted(unknown, key=str)}"
        )
    kept = np.ones(count, bool)
    for name, values in where.items():
        values = _on_host(values)
        if isinstance(values, str | bytes) or not np.iterable(values):
            values = [values]
        # NumPy treats sets and generators as single values.
        values = np.asarray(list(values))
        column = metadata[name]
        if column.dtype.kind == values.dtype.kind == "f":
            # Or 0.1 would differ from its float32.
            values = values.astype(column.dtype)
        kept &= np.isin(column, values)
    return kept


def _is_text(values):
    return values.dtype.kind == "U"
