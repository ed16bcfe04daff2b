"""Opens image records from any supported source."""

import os
from collections.abc import Hashable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.datasets.tables.failed_downloads import downloaded_rows
from keras_contrastive.datasets.tables.failed_downloads import is_of_img2dataset
from keras_contrastive.datasets.tables.image_records import ImageRecords
from keras_contrastive.datasets.tables.image_records import RecordContent
from keras_contrastive.datasets.tables.missing import is_missing
from keras_contrastive.datasets.tables.open_table import FolderTable
from keras_contrastive.datasets.tables.open_table import open_table
from keras_contrastive.datasets.tables.row_groups import rows_of_paths
from keras_contrastive.datasets.tables.row_groups import single_rows
from keras_contrastive.validation import check_rate


def image_records(
    source: Any,
    image: Hashable = "image",
    captions: Hashable | Sequence[Hashable] | None = None,
    label: Hashable | None = None,
    folder: str | os.PathLike | None = None,
    max_bad_fraction: float = 0.01,
) -> ImageRecords:
    """Image records, with captions or labels, from tables and data sets.

    The result is a sequence for `ImageDataset`, `ImageTextDataset` and
    `load_image_text`. Images are decoded only when they are accessed.

    `source` is one of:

    - The path of a folder of images. Subfolders are the classes;
      `captions="caption"` reads the captions of `captioned_folder`.
    - The path of a table: `.csv`, `.tsv` or `.jsonl`.
    - Parquet files: the path of one or of a folder, a pattern
      (`"data/train-*.parquet"`) or a list of paths.
    - A DataFrame of pandas or polars, a table of pyarrow, a dict of columns.
    - A `Dataset` of Hugging Face. Its images are not decoded at their full
      size first.
    - A data source of TensorFlow Datasets, a `Dataset` of PyTorch, a
      `MapDataset` of Grain, or any sequence, with `len` and integer indices,
      of dicts or of tuples. Columns of tuples are positions: `image=0,
      label=1`.

    An image is a path or any other form that `ImageDataset` accepts. Paths are
    relative to the folder of the table, or to `folder`. Backslashes and accents
    may follow another operating system.

    **Captions.** A column may hold one caption or a list of captions, and there
    may be several columns (`captions=["caption_0", "caption_1"]`). Rows with
    the same path form one record with all their captions.

    **Labels** of any type become integers. `class_names` has their names in
    numerical or alphabetical order. A missing label is -1. For a sequence that
    only yields whole rows, such as a torch `Dataset`, `labels` reads every row.

    **Bad rows.** Lines of a text file that cannot be parsed are left out and
    named in a warning, up to `max_bad_fraction`. If the image or all captions
    are missing (`None`, NaN, blank), the data set that reads the record counts
    it as bad. An empty column, a missing column or an empty table raises a
    `ValueError`. Rows of img2dataset whose download failed are left out and
    counted in a warning.

    **Parquet.** A row group (usually 100 to 1,000 rows) is read as a whole. Row
    groups stay in memory up to 512 MB. In larger files, an epoch visits the row
    groups in random order, and shuffles the rows of as many row groups as fit
    into this memory, at least two. To read Parquet once from start to end
    instead, use `image_shards`. For a complete shuffle, use
    `datasets.load_dataset("parquet", data_files=...)` of Hugging Face, which
    copies the files.

    Args:
        source: See above.
        image: Name of the column of images, or its position in tuples.
        captions: Name of the column of captions, or a list of several.
        label: Name of the column of labels.
        folder: Base folder of relative paths. Defaults to the folder of the
            table's file or, without a file, the current folder.
        max_bad_fraction: Float, the largest fraction of lines of a text file
            that may be bad.

    Returns:
        `ImageRecords`: a sequence of `CaptionedImage(image, captions,
        image_id)` with `captions`, `labels` and `class_names`. Slices and
        arrays of indices select from it: `records[:100]`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the source has another form, a column is missing or
            empty, or too many lines are bad.
        ImportError: If pyarrow is required but not installed.

    Example:
        ```python
        import keras
        import numpy as np
        import keras_contrastive as kc

        keras.utils.save_img("dog.png", np.zeros((40, 60, 3)))
        table = {
            "file": ["dog.png", "dog.png"],
            "text": ["a dog", "a black dog"],
            "species": ["canis", "canis"],
        }
        records = kc.datasets.image_records(
            table, image="file", captions="text", label="species"
        )
        (record,) = records
        assert record.captions == ("a dog", "a black dog")
        assert records.labels == [0] and records.class_names == ["canis"]
        dataset = kc.datasets.ImageDataset(records, 1, image_size=32)
        ```
    """
    max_bad_fraction = check_rate("max_bad_fraction", max_bad_fraction)
    captions = list_of_columns(captions)
    text = captions[0] if captions else None
    table = open_table(source, text, max_bad_fraction)
    is_folder = isinstance(table, FolderTable)
    if is_folder and label is None and "label" in table.columns:
        label = "label"
    if folder is not None:
        folder = Path(folder).expanduser()
        if is_folder or not folder.is_dir():
            raise ValueError(
                "`folder` must be the base folder of paths in a table. "
                f"Received: folder={str(folder)!r}"
                + (", for a source that is a folder" if is_folder else "")
            )
    arguments = {"image": [image], "captions": captions}
    arguments["label"] = [] if label is None else [label]
    _check_columns(table, arguments)
    is_downloaded = is_of_img2dataset(table.columns)
    rows = downloaded_rows(table) if is_downloaded else np.arange(len(table))
    columns = [each for several in arguments.values() for each in several]
    table = table.select(list(dict.fromkeys(columns)))
    first = _check_values(table, arguments)
    groups = (
        rows_of_paths(table.values(image), rows)
        if isinstance(first, str | os.PathLike)
        else single_rows(rows)
    )
    content = RecordContent(
        table, image, captions, label, folder or table.folder, groups
    )
    return ImageRecords(content, np.arange(len(groups)))


def list_of_columns(
    captions: Hashable | Sequence[Hashable] | None,
) -> list[Hashable]:
    """The list of columns that an argument names, empty for `None`."""
    if captions is None:
        return []
    if isinstance(captions, str) or not isinstance(captions, Sequence):
        return [captions]
    if not captions:
        raise ValueError(
            "`captions` must name at least one column, or be None. "
            f"Received: {captions!r}"
        )
    return list(captions)


def _check_columns(table, arguments):
    """Raises if the table lacks a column, or has no rows."""
    for argument, columns in arguments.items():
        for column in columns:
            if column not in table.columns:
                raise ValueError(
                    f"`{argument}` must name a column of {table.name}, which "
                    f"has {table.columns}. Received: {column!r}"
                )
    if not len(table):
        raise ValueError(
            f"`source` must have at least one row. Received: {table.name}, "
            f"without rows, with the columns {table.columns}"
        )


def _check_values(table, arguments):
    """Raises if a column is empty. Returns the first image."""
    firsts = []
    for argument, columns in arguments.items():
        for column in columns:
            values = table.values(column)
            first = next(
                (each for each in values if not is_missing(each)), None
            )
            if first is None:
                raise ValueError(
                    f"`{argument}` must name a column with values. Received: "
                    f"{column!r}, which is empty in all {len(table)} rows of "
                    f"{table.name}"
                )
            firsts.append(first)
    image = firsts[0]
    if isinstance(image, str) and "://" in image:
        raise ValueError(
            "`image` must name a column of paths or images. Received: "
            f"{arguments['image'][0]!r}, with the URL {image!r}. img2dataset "
            "downloads images from a table of URLs"
        )
    return image
