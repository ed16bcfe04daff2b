"""Converts tables and data sets of other libraries to record sequences."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.short_repr import short_repr
from keras_contrastive.datasets.tables.hugging_face import is_hugging_face
from keras_contrastive.datasets.tables.hugging_face import undecoded


def as_sequence(
    argument: str, records: Any, columns: tuple[str, ...]
) -> Sequence:
    """Converts `records` to a sequence, with a length and integer indices.

    Data sets of Hugging Face, TensorFlow Datasets and PyTorch are already
    sequences. They are read record by record, images of Hugging Face undecoded.
    Tables, which integers do not index by row, become lists of dicts or of
    values.

    Args:
        argument: Name of the argument, for messages.
        records: A sequence; a DataFrame or Series of pandas; a DataFrame of
            polars; a table or array of pyarrow; or a dict of columns.
        columns: The columns that a dict must have.

    Raises:
        ValueError: If `records` is anything else.
    """
    if hasattr(records, "iloc"):  # pandas
        is_table = hasattr(records, "columns")
        return records.to_dict("records") if is_table else records.to_list()
    for method in ("to_dicts", "to_pylist"):  # polars, pyarrow
        if hasattr(records, method):
            return getattr(records, method)()
    if isinstance(records, Mapping):
        return _rows(argument, records, columns)
    if is_hugging_face(records) and hasattr(records, "__len__"):
        return undecoded(records)
    has_indices = hasattr(records, "__len__") and hasattr(
        records, "__getitem__"
    )
    if not has_indices or isinstance(
        records, str | bytes | bytearray | memoryview
    ):
        raise ValueError(
            f"`{argument}` must be a sequence, with a length and integer "
            f"indices. Received: {type(records).__name__}, "
            f"{short_repr(records)}"
        )
    return records


def _rows(argument, table, columns):
    """A list of dicts from a dict of columns."""
    if not set(columns) <= set(table):
        raise ValueError(
            f"`{argument}` must be a sequence. A dict of columns needs "
            f"{list(columns)}. Received: a dict with {list(table)}"
        )
    lengths = {name: len(column) for name, column in table.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"The columns of `{argument}` must have the same length. "
            f"Received: lengths {lengths}"
        )
    return [
        dict(zip(table, row, strict=True))
        for row in zip(*table.values(), strict=True)
    ]
