"""Opens any source of records as a table."""

import glob
import os
from collections.abc import Hashable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_contrastive.datasets.files.folder_scan import ARRAY_SUFFIXES
from keras_contrastive.datasets.files.folder_scan import walk_files
from keras_contrastive.datasets.files.image_files import HEIF_SUFFIXES
from keras_contrastive.datasets.files.image_files import SUFFIXES
from keras_contrastive.datasets.files.image_folder import ImageFolder
from keras_contrastive.datasets.files.image_folder import captioned_folder
from keras_contrastive.datasets.files.image_folder import image_folder
from keras_contrastive.datasets.short_repr import short_repr
from keras_contrastive.datasets.tables.hugging_face import HuggingFaceTable
from keras_contrastive.datasets.tables.hugging_face import is_hugging_face
from keras_contrastive.datasets.tables.parquet_table import ParquetTable
from keras_contrastive.datasets.tables.row_table import RowTable
from keras_contrastive.datasets.tables.table import ColumnTable
from keras_contrastive.datasets.tables.table import Table
from keras_contrastive.datasets.tables.text_table import DELIMITED_SUFFIXES
from keras_contrastive.datasets.tables.text_table import JSON_SUFFIXES
from keras_contrastive.datasets.tables.text_table import read_text_table

PARQUET_SUFFIXES = (".parquet", ".pq")
TABLE_SUFFIXES = (*DELIMITED_SUFFIXES, *JSON_SUFFIXES, *PARQUET_SUFFIXES)
ACCEPTED = (
    "a folder, a .csv, .tsv, .jsonl or .parquet file, a DataFrame, a table of "
    "pyarrow, a dict of columns, or a sequence of dicts, tuples or images, "
    "with a length and integer indices, such as a data set of Hugging Face, "
    "TensorFlow Datasets, PyTorch or Grain"
)


def open_table(
    source: Any, captions: Hashable | None, max_bad_fraction: float
) -> Table:
    """Opens a source, and reads only what it cannot read later.

    Args:
        source: See `image_records`.
        captions: The first column of captions, `None` without captions.
        max_bad_fraction: Float, the largest fraction of lines of text that may
            be bad.

    Raises:
        FileNotFoundError: If there is no such file or folder, or no image.
        ValueError: If the source has another form.
    """
    if isinstance(source, str | os.PathLike):
        return _open_path(source, captions, max_bad_fraction)
    if isinstance(source, ImageFolder):
        return _folder_table(source, "the folder")
    if _is_parquet_files(source):
        return ParquetTable(
            [_existing(path) for path in source], f"{source[0]}, ..."
        )
    if hasattr(source, "iloc"):  # pandas
        if not hasattr(source, "columns"):
            source = source.to_frame("image")
        if not source.columns.is_unique:
            raise ValueError(
                "The columns of `source` must have different names. Received: "
                f"{list(source.columns)}"
            )
        columns = {name: source[name].array for name in source.columns}
        return ColumnTable(columns, "the DataFrame")
    if hasattr(source, "to_dicts"):  # polars
        columns = {name: source[name] for name in source.columns}
        return ColumnTable(columns, "the DataFrame")
    if hasattr(source, "column_names") and hasattr(source, "to_pylist"):
        columns = {
            name: ArrowColumn(source.column(name))
            for name in source.column_names
        }
        return ColumnTable(columns, "the table")
    if is_hugging_face(source) and hasattr(source, "__len__"):
        return HuggingFaceTable(source)
    if isinstance(source, Mapping):
        return _dict_of_columns(source)
    is_sequence = hasattr(source, "__len__") and hasattr(source, "__getitem__")
    if is_sequence and not isinstance(source, bytes | bytearray | memoryview):
        return RowTable(source)
    raise ValueError(
        f"`source` must be {ACCEPTED}. Received: {type(source).__name__}, "
        f"{short_repr(source)}{_hint(source)}"
    )


class FolderTable(ColumnTable):
    """The images of a folder, with paths relative to the current folder."""


class ArrowColumn:
    """A column of a `pyarrow.Table`, with Python values."""

    def __init__(self, column: Any):
        self._column = column

    def __len__(self):
        return len(self._column)

    def __getitem__(self, index):
        return self._column[int(index)].as_py()

    def __iter__(self):
        return (value.as_py() for value in self._column)


def _hint(source):
    if hasattr(source, "collect"):
        return ". Call its method `collect` first"
    if hasattr(source, "__iter__"):
        return (
            ". It can only be iterated: `kc.datasets.image_stream` and "
            "`image_text_stream` read it"
        )
    return ""


def _dict_of_columns(source):
    if any(is_hugging_face(each) for each in source.values()):
        splits = list(source)
        raise ValueError(
            "`source` must be one split of a data set, such as "
            f"source[{splits[0]!r}]. Received: a dict of {splits}"
        )
    lengths = {name: len(column) for name, column in source.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "The columns of `source` must have the same length. Received: "
            "lengths "
            f"{lengths}"
        )
    return ColumnTable(source, "the dict")


def _open_path(source, captions, max_bad_fraction):
    path = Path(source).expanduser()
    if path.is_dir():
        return _open_folder(path, captions, max_bad_fraction)
    suffix = path.suffix.lower()
    if suffix in PARQUET_SUFFIXES and not path.exists():
        found = sorted(glob.glob(str(path), recursive=True))
        if found:
            return ParquetTable([Path(each) for each in found], str(source))
    path = _existing(path)
    if suffix in PARQUET_SUFFIXES:
        return ParquetTable([path], str(path))
    if suffix in (*DELIMITED_SUFFIXES, *JSON_SUFFIXES):
        return read_text_table(path, captions, max_bad_fraction)
    hints = {
        ".tar": ". `kc.datasets.image_shards` and `image_text_shards` read it",
        ".json": ". Read it with `json.load`, and give its list of records",
    }
    raise ValueError(
        f"`source` must be a folder or a file of {', '.join(TABLE_SUFFIXES)}. "
        f"Received: the file {str(source)!r}{hints.get(suffix, '')}"
    )


def parquet_files_of(folder: Path, arrays: bool = False) -> list[Path]:
    """The Parquet files of a folder; empty for a folder of images.

    A folder of images may also hold Parquet files: download tools write their
    tables beside the images.

    Args:
        folder: Path of the folder, see `walk_files`.
        arrays: Whether `.npy`, `.npz` and `.dcm` are images.
    """
    suffixes = SUFFIXES + HEIF_SUFFIXES + ARRAY_SUFFIXES * arrays
    files = []
    for path in walk_files(folder):
        suffix = path.suffix.lower()
        if suffix in suffixes:
            return []
        if suffix in PARQUET_SUFFIXES:
            files.append(folder / path)
    return sorted(files)


def _existing(path):
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            "`source` must be a file or folder that exists. "
            f"Received: {os.fspath(path)!r}"
        )
    return path


def _open_folder(folder, captions, max_bad_fraction):
    files = parquet_files_of(folder)
    if files:
        return ParquetTable(files, str(folder))
    if captions is None:
        return _folder_table(image_folder(folder), str(folder))
    records = captioned_folder(folder, max_bad_fraction=max_bad_fraction)
    columns = {
        "image": [record.image for record in records],
        "caption": [record.captions for record in records],
    }
    return FolderTable(columns, str(folder))


def _folder_table(found, name):
    columns = {"image": found.paths}
    if found.labels is None:
        return FolderTable(columns, name)
    columns["label"] = found.labels
    return FolderTable(columns, name, class_names={"label": found.class_names})


def _is_parquet_files(source):
    return (
        isinstance(source, list | tuple)
        and len(source) > 0
        and all(
            isinstance(each, str | os.PathLike)
            and Path(each).suffix.lower() in PARQUET_SUFFIXES
            for each in source
        )
    )
