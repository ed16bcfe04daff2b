"""Groups the rows of a table into records."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_contrastive.datasets.tables.missing import is_missing


class RowGroups:
    """The rows of each record, in the order of the table.

    Args:
        rows: Int array, the concatenated rows of all records.
        starts: Int array, shape `(n + 1,)`, the index in `rows` where each
            record starts, and their end.
    """

    def __init__(self, rows: np.ndarray, starts: np.ndarray):
        self.rows = rows
        self.starts = starts

    def __len__(self):
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self.rows[self.starts[index] : self.starts[index + 1]]

    @property
    def first_rows(self) -> np.ndarray:
        """Int array, shape `(n,)`, the first row of each record."""
        return self.rows[self.starts[:-1]]

    @property
    def larger(self) -> np.ndarray:
        """Int array, the records with several rows."""
        return np.flatnonzero(np.diff(self.starts) > 1)


def single_rows(rows: np.ndarray) -> RowGroups:
    """Makes each row a record."""
    return RowGroups(rows, np.arange(len(rows) + 1))


def rows_of_paths(paths: Iterable[Any], rows: np.ndarray) -> RowGroups:
    """Groups rows with the same path. A row without a path is one record.

    Args:
        paths: The paths of all rows of the table.
        rows: Int array, the rows to group, in order.
    """
    numbers: dict[str | int, int] = {}
    wanted: np.ndarray = np.zeros(rows[-1] + 1 if len(rows) else 0, bool)
    wanted[rows] = True
    found = []
    for row, path in enumerate(paths):
        if row < len(wanted) and wanted[row]:
            is_path = isinstance(path, str | os.PathLike)
            has_one = is_path and not is_missing(path)
            key = os.fspath(path) if has_one else row
            found.append(numbers.setdefault(key, len(numbers)))
    groups = np.array(found, "int64")
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=len(numbers))
    return RowGroups(rows[order], np.concatenate([[0], np.cumsum(sizes)]))
