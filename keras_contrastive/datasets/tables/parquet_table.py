"""Parquet files as tables that are read a row group at a time."""

import bisect
import itertools
import os
import threading
import types
from collections import OrderedDict
from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.datasets.tables.table import Blocks
from keras_contrastive.datasets.tables.table import Table

# Size of the row groups kept in memory. Smaller tables are read only once.
CACHE_BYTES = 2**29


def import_parquet() -> types.ModuleType:
    """Returns the module `pyarrow.parquet`, or raises an install hint."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            "Reading Parquet files needs pyarrow. Install it with "
            '`pip install "keras_contrastive[parquet]"`.'
        ) from error
    return parquet


class ParquetTable(Table):
    """Parquet files with the same columns.

    A row cannot be read alone: its row group is decompressed, and kept in
    memory for its other rows. If all row groups take more than `CACHE_BYTES`,
    the most recently used ones are kept. `blocks` then gives the row group of
    each row, for an order that reads each row group once per epoch.

    Args:
        paths: List of the paths of files, at least one.
        name: See `Table`.
    """

    def __init__(self, paths: list[Path], name: str):
        parquet = import_parquet()
        self.name = name
        folders = {str(path.parent) for path in paths}
        self.folder = Path(os.path.commonpath(folders))
        self.files = [_open(parquet, path) for path in paths]
        self.columns = _common_columns(self.files)
        self.choose(self.columns)

    def choose(self, columns: list) -> None:
        """Reads only these columns from now on."""
        self.columns = columns
        groups = [
            (file, group)
            for file in self.files
            for group in range(file.metadata.num_row_groups)
        ]
        self._groups = groups
        lengths = [file.length(group) for file, group in groups]
        self._starts = [0, *itertools.accumulate(lengths)]
        sizes = [file.size(group, columns) for file, group in groups]
        self._keep = len(groups)
        self.blocks = None
        if sum(sizes) > CACHE_BYTES:
            window = max(2, int(CACHE_BYTES / np.mean(sizes)))
            of_rows: np.ndarray = np.repeat(np.arange(len(groups)), lengths)
            self.blocks = Blocks(of_rows, window)
            # One more row group is read ahead while others are in use.
            self._keep = window + 2
        self._cache: OrderedDict[int, Future] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    def select(self, columns: list[Hashable]) -> Table:
        selected = object.__new__(ParquetTable)
        selected.__dict__.update(self.__dict__)
        selected.choose(columns)
        return selected

    def row(self, index: int) -> Mapping[Hashable, Any]:
        block = bisect.bisect_right(self._starts, index) - 1
        place = index - self._starts[block]
        return {
            name: value_of(column, place)
            for name, column in self._row_group(block).items()
        }

    def values(self, column: Hashable) -> Iterator[Any]:
        for file, group in self._groups:
            try:
                values = file.read(group, [column]).column(column)
            except ValueError:  # counted as bad records when they are read
                yield from [None] * file.length(group)
                continue
            for chunk in values.iterchunks():
                yield from chunk.to_pylist()

    def _row_group(self, block):
        with self._lock:
            future = self._cache.get(block)
            is_new = future is None
            if is_new:
                future = self._cache[block] = Future()
                while len(self._cache) > self._keep:
                    self._cache.popitem(last=False)
            else:
                self._cache.move_to_end(block)
        if is_new:
            file, group = self._groups[block]
            try:
                table = file.read(group, self.columns)
                future.set_result(columns_of(table))
            except Exception as error:  # each row of the group is a bad record
                future.set_exception(error)
        return future.result()


def columns_of(table: Any) -> dict[str, Any]:
    """The columns of a `pyarrow.Table`, for `value_of`.

    Structs, such as Hugging Face's images, become dicts of their fields, which
    takes a third of the time to read.
    """
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.num_chunks == 1:
            column = column.chunk(0)
            if str(column.type).startswith("struct<"):
                names = [field.name for field in column.type]
                column = dict(zip(names, column.flatten(), strict=True))
        columns[name] = column
    return columns


def value_of(column: Any, index: int) -> Any:
    """A value of a column from `columns_of`, as a Python object."""
    if isinstance(column, dict):
        return {name: each[index].as_py() for name, each in column.items()}
    return column[index].as_py()


class ParquetFile:
    """A Parquet file, opened for each read.

    Args:
        path: Path of the file.
        metadata: Its `pyarrow.parquet.FileMetaData`.
        schema: Its `pyarrow.Schema`.
    """

    def __init__(self, path: Path, metadata: Any, schema: Any):
        self.path = path
        self.metadata = metadata
        self.schema = schema

    def open(self) -> Any:
        """A `pyarrow.parquet.ParquetFile` for use in a single thread."""
        return import_parquet().ParquetFile(self.path, metadata=self.metadata)

    def read(self, group: int, columns: list[str]) -> Any:
        """The row group as a `pyarrow.Table`.

        Raises:
            ValueError: If it is damaged.
        """
        try:
            with self.open() as file:
                # The caller already uses several threads.
                table = file.read_row_group(group, columns, use_threads=False)
            if len(table) != self.length(group):
                raise ValueError(f"{len(table)} rows, not {self.length(group)}")
            return table
        except Exception as error:  # the type depends on the damage
            raise self._damage(group, error) from error

    def rows(
        self, group: int, columns: list[str], batch_size: int
    ) -> Iterator[dict[str, Any]]:
        """Yields the rows of a row group, without holding all in memory.

        Raises:
            ValueError: If it is damaged.
        """
        try:
            with self.open() as file:
                for batch in file.iter_batches(
                    batch_size, [group], columns, use_threads=False
                ):
                    yield from batch.to_pylist()
        except Exception as error:  # the type depends on the damage
            raise self._damage(group, error) from error

    def _damage(self, group, error):
        return ValueError(
            f"row group {group} of {self.path} cannot be read: {error}"
        )

    def length(self, group: int) -> int:
        """The number of rows of a row group."""
        return self.metadata.row_group(group).num_rows

    def size(self, group: int, columns: list[str]) -> int:
        """Bytes in memory of some columns of a row group."""
        return sum(
            column.total_uncompressed_size
            for column in self.column_chunks(group)
            if _is_of(column, columns)
        )

    def column_chunks(self, group: int) -> Iterator[Any]:
        """The `pyarrow.parquet.ColumnChunkMetaData` of a row group."""
        metadata = self.metadata.row_group(group)
        return (metadata.column(i) for i in range(metadata.num_columns))


def _open(parquet, path):
    try:
        with parquet.ParquetFile(path) as file:
            return ParquetFile(path, file.metadata, file.schema_arrow)
    except Exception as error:  # the type depends on the damage
        raise ValueError(f"{path} is not a Parquet file: {error}") from error


def _is_of(chunk, columns):
    """Whether a column chunk belongs to one of the columns or its fields."""
    path = f"{chunk.path_in_schema}."
    return any(path.startswith(f"{column}.") for column in columns)


def _common_columns(files):
    first, *others = files
    for file in others:
        if file.schema.names != first.schema.names:
            raise ValueError(
                "Parquet files that are read together must have the same "
                f"columns. Received: {first.path} with {first.schema.names}, "
                f"and {file.path} with {file.schema.names}"
            )
    return list(first.schema.names)
