"""Suggests the line of code that turns unread data into batches."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_contrastive.datasets.files.image_files import SUFFIXES
from keras_contrastive.datasets.files.image_folder import ImageFolder
from keras_contrastive.datasets.short_repr import short_repr
from keras_contrastive.datasets.tables.hugging_face import is_hugging_face
from keras_contrastive.datasets.tables.image_records import ImageRecords
from keras_contrastive.datasets.tables.open_table import TABLE_SUFFIXES

_RECORDS = "image_records({}, image=...)"
_LINES = {
    "a folder": "ImageDataset({}, batch_size, image_size)",
    "records": "ImageDataset({}, batch_size, image_size)",
    "a table": f"ImageDataset(kc.datasets.{_RECORDS}, batch_size, image_size)",
    "an archive": "image_shards({}, batch_size, image_size)",
    "a stream": "image_stream({}, batch_size, image_size, num_examples)",
}
_WITH_CAPTIONS = {
    "records": "ImageTextDataset({}, tokenizer, batch_size, image_size)",
    "an archive": "image_text_shards({}, tokenizer, batch_size, image_size)",
    "a stream": "image_text_stream({}, tokenizer, batch_size, image_size, "
    "num_examples)",
}


def check_is_read(argument: str, data: Any) -> None:
    """Raises for paths, tables and data sets of single examples.

    Keras takes arrays and batches. Files, rows and single examples have to be
    read first.

    Args:
        argument: Name of the argument of `fit`.
        data: Its value.

    Raises:
        ValueError: With the line of code to write.
    """
    kind = _kind_of(data)
    if kind is None:
        return
    with_captions = _WITH_CAPTIONS.get(
        kind,
        "ImageTextDataset(kc.datasets.image_records({}, captions=...), "
        "tokenizer, batch_size, image_size)",
    )
    raise ValueError(
        f"`{argument}` must be arrays or batches. Received: "
        f"{type(data).__name__}, {short_repr(data)}. Make batches of it: "
        f"kc.datasets.{_LINES[kind].format(argument)}, or with captions "
        f"kc.datasets.{with_captions.format(argument)}"
    )


def _kind_of(data):
    """The kind of unread data, `None` if Keras takes or rejects the data."""
    if isinstance(data, str | os.PathLike):
        suffix = Path(data).suffix.lower()
        if suffix == ".tar":
            return "an archive"
        return "a table" if suffix in TABLE_SUFFIXES else "a folder"
    if isinstance(data, ImageRecords | ImageFolder) or _holds_images(data):
        return "records"
    torch = sys.modules.get("torch")
    if is_hugging_face(data) or (
        torch and isinstance(data, torch.utils.data.Dataset)
    ):
        return "a table" if hasattr(data, "__len__") else "a stream"
    return "a table" if _is_table(data) else None


def _holds_images(data):
    """Whether the data is a list of paths, rows or Pillow images."""
    if not isinstance(data, list) or not data:
        return False
    first = data[0]
    if isinstance(first, str):
        return Path(first).suffix.lower() in SUFFIXES
    is_pillow = type(first).__module__.startswith("PIL.")
    return is_pillow or isinstance(first, Mapping | os.PathLike | bytes)


def _is_table(data):
    if hasattr(data, "iloc") and hasattr(data, "dtypes"):  # pandas
        return _has_objects(data)
    # Polars; pyarrow.
    return hasattr(data, "to_dicts") or (
        hasattr(data, "to_pylist") and hasattr(data, "column_names")
    )


def _has_objects(frame):
    """Whether any column is not numeric. Keras takes numeric columns."""
    dtypes = frame.dtypes
    several = list(dtypes) if hasattr(dtypes, "__iter__") else [dtypes]
    return any(getattr(each, "kind", "O") not in "biuf" for each in several)
