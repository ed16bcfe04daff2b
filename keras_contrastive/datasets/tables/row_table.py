"""A table from a sequence of dicts, tuples or images."""

from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.tables.table import Table


class RowTable(Table):
    """A sequence that is read row by row.

    Rows are dicts, tuples or images. The columns of tuples are their positions,
    and those of named tuples their field names. Images are the column
    `"image"`.

    Args:
        rows: Sequence with a length and integer indices.
        name: See `Table`.
    """

    def __init__(self, rows: Sequence, name: str = "the data set"):
        self.name = name
        self._rows = rows
        self.columns = list(dict.fromkeys(_all_columns(rows)))

    def __len__(self) -> int:
        return len(self._rows)

    def select(self, columns: list[Hashable]) -> Table:
        return self

    def row(self, index: int) -> Mapping[Hashable, Any]:
        return row_of(self._rows[index])

    def values(self, column: Hashable) -> Iterator[Any]:
        for index in range(len(self)):
            try:
                yield self.row(index).get(column)
            except Exception:  # a bad record, which is counted when it is read
                yield None

    def class_names(self, column: Hashable) -> list[str] | None:
        # TensorFlow Datasets' `as_data_source`.
        info = getattr(self._rows, "dataset_info", None)
        features = getattr(info, "features", None)
        if not isinstance(features, Mapping) or column not in features:
            return None
        return getattr(features[column], "names", None)


def row_of(example) -> Mapping[Hashable, Any]:
    """The values of a row of any form, by column."""
    if isinstance(example, Mapping):
        return example
    if isinstance(example, tuple | list):
        names = getattr(example, "_fields", range(len(example)))
        return dict(zip(names, example, strict=True))
    return {"image": example}


def _all_columns(rows) -> Iterator[Hashable]:
    """The columns of the first row, or of all rows of a list."""
    if isinstance(rows, list):
        for row in rows:
            if row is not None:
                yield from row_of(row)
        return
    for index in range(len(rows)):
        try:
            row = rows[index]
        except Exception:  # a bad record, which is counted when it is read
            continue
        if row is not None:
            yield from row_of(row)
            return
