"""Data sets of Hugging Face's `datasets`, which need not be installed."""

from collections.abc import Hashable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from keras_contrastive.datasets.tables.table import Table


def is_hugging_face(source: Any) -> bool:
    """Whether `source` is a Hugging Face `Dataset` or `IterableDataset`."""
    return all(
        hasattr(source, name)
        for name in ("features", "cast_column", "select_columns")
    )


def undecoded(dataset: Any) -> Any:
    """The data set with the bytes or paths of its images.

    By default an image is decoded at its full size when its row is read. The
    data sets of this package decode the bytes later, in threads and directly to
    the required size. A transform set by the user is kept, with the images that
    it returns.
    """
    if _is_transformed(dataset):
        return dataset
    if hasattr(dataset, "with_format"):
        dataset = dataset.with_format(None)  # no tensors of other libraries
    for name, feature in (dataset.features or {}).items():
        # `Image`, which this package does not import.
        if type(feature).__name__ == "Image" and feature.decode:
            dataset = dataset.cast_column(name, type(feature)(decode=False))
    return dataset


def _is_transformed(dataset):
    format = getattr(dataset, "format", None)
    return isinstance(format, Mapping) and format.get("type") == "custom"


class HuggingFaceTable(Table):
    """A `datasets.Dataset`.

    Args:
        dataset: The data set.
    """

    def __init__(self, dataset: Any):
        self.name = "the data set"
        self._is_transformed = _is_transformed(dataset)
        self._dataset = undecoded(dataset)
        self.columns = list(dataset.features)
        if self._is_transformed and len(dataset):
            self.columns = list(dataset[0])

    def __len__(self) -> int:
        return len(self._dataset)

    def select(self, columns: list[Hashable]) -> Table:
        # A transform may need the other columns.
        if self._is_transformed:
            return self
        return HuggingFaceTable(self._dataset.select_columns(columns))

    def row(self, index: int) -> Mapping[Hashable, Any]:
        return self._dataset[index]

    def values(self, column: Hashable) -> Iterator[Any]:
        if self._is_transformed:
            return super().values(column)
        return (row[column] for row in self._dataset.select_columns([column]))

    def class_names(self, column: Hashable) -> list[str] | None:
        # Only a `ClassLabel` has names.
        return getattr(self._dataset.features.get(column), "names", None)
