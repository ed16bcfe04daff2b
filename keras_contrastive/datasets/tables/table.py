"""The base class of tables: rows with named columns."""

import abc
from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np


class Blocks(NamedTuple):
    """Blocks of adjacent rows that are read together.

    Attributes:
        of_rows: Int array, shape `(n,)`, the block of each row.
        window: Int, number of blocks that are kept in memory.
    """

    of_rows: np.ndarray
    window: int


class Table(abc.ABC):
    """Rows with named columns, read on access.

    Attributes:
        name: Name of the table in messages, such as the name of its file.
        columns: List of the names of the columns: strings, or positions if rows
            are tuples.
        folder: Base folder of relative paths in the table, or `None` for the
            current folder.
        blocks: `Blocks` if rows are read in blocks, else `None`.
    """

    name: str = "the table"
    columns: list[Hashable]
    folder: Path | None = None
    blocks: Blocks | None = None

    @abc.abstractmethod
    def __len__(self) -> int:
        """The number of rows."""

    @abc.abstractmethod
    def select(self, columns: list[Hashable]) -> "Table":
        """The table with only these columns."""

    @abc.abstractmethod
    def row(self, index: int) -> Mapping[Hashable, Any]:
        """The values of a row. Called from several threads."""

    def values(self, column: Hashable) -> Iterator[Any]:
        """All values of a column, in order."""
        return (self.row(index).get(column) for index in range(len(self)))

    def class_names(self, column: Hashable) -> list[str] | None:
        """Names of the classes 0, 1, ..., if the table defines them."""
        return None


class ColumnTable(Table):
    """Columns in memory.

    Args:
        columns: Dict from names to sequences of the same length.
        name: See `Table`.
        folder: See `Table`.
        class_names: Dict from names of columns to names of classes.
    """

    def __init__(
        self,
        columns: Mapping[Hashable, Sequence],
        name: str = "the table",
        folder: Path | None = None,
        class_names: Mapping[Hashable, list[str]] | None = None,
    ):
        self.name = name
        self.folder = folder
        self.columns = list(columns)
        self._columns = dict(columns)
        self._class_names = dict(class_names or {})

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))

    def select(self, columns: list[Hashable]) -> Table:
        chosen = {column: self._columns[column] for column in columns}
        return ColumnTable(chosen, self.name, self.folder, self._class_names)

    def row(self, index: int) -> Mapping[Hashable, Any]:
        return {name: column[index] for name, column in self._columns.items()}

    def values(self, column: Hashable) -> Iterator[Any]:
        return iter(self._columns[column])

    def class_names(self, column: Hashable) -> list[str] | None:
        return self._class_names.get(column)
