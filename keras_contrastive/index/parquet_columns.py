"""Columns of Parquet files with embeddings."""

from pathlib import Path

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
        ValueError: If one of the columns is missing, there is no row, or a
            vector is missing or has another length.
    """
    parquet = import_parquet()
    paths = parquet_files_of(path) if path.is_dir() else [path]
    if not paths or not path.exists():
        raise FileNotFoundError(
            "`path` must be a Parquet file, or a folder of them. "
            f"Received: {path}"
        )
    files = [parquet.ParquetFile(each) for each in paths]
    schema = files[0].schema_arrow
    for argument, name in (("embeddings", embeddings), ("ids", ids)):
        if name is not None and name not in schema.names:
            raise ValueError(
                f"`{argument}` must be a column of {paths[0]}, which has "
                f"{schema.names}. Received: {name!r}"
            )
    names = [
        field.name
        for field in schema
        if field.name == ids or _is_simple(field.type)
    ]
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    rows = None
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
    if rows is None:
        raise ValueError(f"`path` must hold a row at least. Received: {path}")
    return {
        embeddings: rows,
        **{name: np.concatenate(values) for name, values in columns.items()},
    }


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


def _is_simple(kind):
    from pyarrow import types

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
    return values
