"""Columns of Parquet files with embeddings."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.datasets.tables.open_table import parquet_files_of
from keras_contrastive.datasets.tables.parquet_table import import_parquet


def read_parquet(
    path: Path, embeddings: str, ids: str | None
) -> dict[str, np.ndarray]:
    """The columns of a file, or of the files of a folder, as arrays.

    Args:
        path: Path.
        embeddings: Name of the column of vectors.
        ids: Name of another column that must be there, or `None`.

    Returns:
        Dict from names to arrays of n rows: the vectors, float32 of shape
        `(n, dim)`, and the columns of strings, numbers and booleans.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If in any of the files a column is missing or has another
            type, if there is no row, or if a vector is missing or has another
            length.
    """
    files, names = _open(path, embeddings, ids)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    rows: Any = None
    start, count = 0, sum(file.metadata.num_rows for file in files)
    for file in files:
        for batch in file.iter_batches(columns=[*names, embeddings]):
            vectors = _vectors(batch.column(embeddings), embeddings, rows)
            if rows is None:
                rows = np.empty((count, vectors.shape[1]), "float32")
            rows[start : start + len(vectors)] = vectors
            start += len(vectors)
            for name in names:
                columns[name].append(_values(batch.column(name)))
    return {
        embeddings: rows,
        **{name: np.concatenate(values) for name, values in columns.items()},
    }


def _open(path, embeddings, ids):
    """The files that have rows, and the columns of metadata and of ids."""
    parquet = import_parquet()
    paths = parquet_files_of(path) if path.is_dir() else [path]
    if not paths or not path.exists():
        raise FileNotFoundError(
            "`path` must be a Parquet file, or a folder of them. "
            f"Received: {path}"
        )
    opened = {each: parquet.ParquetFile(each) for each in paths}
    # The column types of files without rows may be unknown.
    opened = {p: file for p, file in opened.items() if file.metadata.num_rows}
    if not opened:
        raise ValueError(f"`path` must hold a row at least. Received: {path}")
    first = next(iter(opened))
    schema = opened[first].schema_arrow
    names = _names(schema, first, embeddings, ids)
    for each, file in opened.items():
        lacking = {*names, embeddings} - set(file.schema_arrow.names)
        if lacking:
            raise ValueError(
                "Parquet files that are read together must have the same "
                f"columns. Received: {each} without {sorted(lacking)}"
            )
    return list(opened.values()), names


def _names(schema, path, embeddings, ids):
    """The columns of metadata and of ids."""
    for argument, name, is_kind, kind in (
        ("embeddings", embeddings, _is_list, "lists of numbers"),
        ("ids", ids, _is_simple, "strings or ints"),
    ):
        if name is None:
            continue
        if name not in schema.names or not is_kind(schema.field(name).type):
            columns = {field.name: str(field.type) for field in schema}
            raise ValueError(
                f"`{argument}` must be a column of {kind} in {path}, which "
                f"has {columns}. Received: {name!r}"
            )
    return [field.name for field in schema if _is_simple(field.type)]


def _vectors(column, name, rows):
    from pyarrow import compute

    lengths = set(compute.list_value_length(column).to_pylist())
    if rows is not None:
        lengths.add(rows.shape[1])
    if len(lengths) > 1 or None in lengths:
        raise ValueError(
            f"The vectors in the column {name!r} must have one length. "
            f"Received: {sorted(map(str, lengths))}"
        )
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    return numbers.reshape(len(column), *lengths)


def _is_list(kind):
    from pyarrow import types

    tests = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _is_simple(kind):
    from pyarrow import types

    if types.is_dictionary(kind):  # as pandas writes categories
        kind = kind.value_type
    tests = (
        types.is_string,
        types.is_large_string,
        types.is_integer,
        types.is_floating,
        types.is_boolean,
    )
    return any(test(kind) for test in tests)


def _values(column):
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype != object:
        return values
    if all(each is None or isinstance(each, str) for each in values):
        return np.array([each or "" for each in values])
    if all(each is None or isinstance(each, bool) for each in values):
        return values.astype("float64")  # NaN where missing, as of integers
    return values
