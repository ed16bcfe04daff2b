"""Records of images from wherever they lie."""

import os
import warnings
from collections.abc import Hashable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.tables.caption_values import texts_of
from keras_contrastive.datasets.tables.class_labels import MISSING
from keras_contrastive.datasets.tables.class_labels import class_labels
from keras_contrastive.datasets.tables.failed_downloads import downloaded_rows
from keras_contrastive.datasets.tables.failed_downloads import is_of_img2dataset
from keras_contrastive.datasets.tables.missing import is_missing
from keras_contrastive.datasets.tables.open_table import FolderTable
from keras_contrastive.datasets.tables.open_table import open_table
from keras_contrastive.datasets.tables.row_groups import RowGroups
from keras_contrastive.datasets.tables.row_groups import rows_of_paths
from keras_contrastive.datasets.tables.row_groups import single_rows
from keras_contrastive.datasets.tables.table import Blocks
from keras_contrastive.datasets.tables.table import Table
from keras_contrastive.datasets.tables.table_paths import resolve_image
from keras_contrastive.validation import check_rate


def image_records(
    source: Any,
    image: Hashable = "image",
    captions: Hashable | Sequence[Hashable] | None = None,
    label: Hashable | None = None,
    folder: str | os.PathLike | None = None,
    max_bad_fraction: float = 0.01,
) -> "ImageRecords":
    """Records of images, with captions or labels, from wherever they lie.

    The result is a sequence that `ImageDataset`, `ImageTextDataset` and
    `load_image_text` take. Nothing is decoded before they ask for it.

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

    An image is a path or any other form that `ImageDataset` takes. Paths are
    relative to the folder of the table, or to `folder`. Backslashes and accents
    may be those of another system.

    **Captions.** A column may hold one caption or a list of them, there may be
    several columns (`captions=["caption_0", "caption_1"]`), and rows with the
    same path are one record with all their captions.

    **Labels** of any type become integers; `class_names` has their names in the
    order of numbers or of the alphabet. A missing label is -1. For a sequence
    that only yields whole rows, such as a torch `Dataset`, `labels` reads every
    row.

    **Bad rows.** Lines of a text file that cannot be parsed are left out and
    named in a warning, up to `max_bad_fraction`. Where the image or all
    captions are missing (`None`, NaN, blank), the data set that reads the
    record counts it as bad. A column without any value, a missing column or an
    empty table raises. Rows of img2dataset whose download failed are left out
    and counted in a warning.

    **Parquet.** A row group (usually 100 to 1,000 rows) is read as a whole. Row
    groups stay in memory up to 512 MB. In larger files the order of an epoch is
    shuffled among the row groups that fit, at least two, while the row groups
    come in a random order. To read Parquet once from start to end instead, use
    `image_shards`; for a complete shuffle, `datasets.load_dataset("parquet",
    data_files=...)` of Hugging Face, which copies the files.

    Args:
        source: See above.
        image: Name of the column of images, or its position in tuples.
        captions: Name of the column of captions, or a list of several.
        label: Name of the column of labels.
        folder: The folder that relative paths start from. Defaults to that of
            the table's file or, without a file, the current one.
        max_bad_fraction: Float, the largest fraction of lines of a text file
            that may be bad.

    Returns:
        `ImageRecords`: a sequence of `CaptionedImage(image, captions,
        image_id)` with `captions`, `labels` and `class_names`. Slices and
        arrays of indices select from it: `records[:100]`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the source has another form, a column is not there or is
            empty, or too many lines are bad.
        ImportError: If pyarrow is needed and not installed.

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
    check_rate("max_bad_fraction", max_bad_fraction)
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
                "`folder` must be the folder that paths in a table start from. "
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
    content = _Content(
        table, image, captions, label, folder or table.folder, groups
    )
    return ImageRecords(content, np.arange(len(groups)))


class ImageRecords(Sequence):
    """Images with their captions and labels: the result of `image_records`.

    A sequence of `CaptionedImage(image, captions, image_id)`, read from its
    source when they are asked for. `captions` is empty if no column of captions
    was named. `records[10:20]` and `records[indices]` are records too.

    Example:
        ```python
        import numpy as np
        import keras_contrastive as kc

        scenes = kc.datasets.shapes(8, image_size=24)
        records = kc.datasets.image_records(
            {"image": scenes.images, "text": scenes.captions}, captions="text"
        )
        order = np.random.default_rng(0).permutation(len(records))
        train, test = records[order[2:]], records[order[:2]]
        tokenizer = kc.text.train_tokenizer(train.captions, context_length=16)
        print(kc.datasets.load_image_text(test, 24).captions)
        ```
    """

    def __init__(self, content: "_Content", indices: np.ndarray):
        self._content = content
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer):
            return self._content.record(int(self._indices[index]))
        return ImageRecords(self._content, self._indices[index])

    def __repr__(self):
        content = self._content
        parts = [f"{len(self)} records of {content.table.name}"]
        parts += ["with captions"] * bool(content.captions)
        parts += ["with labels"] * (content.label is not None)
        return f"<ImageRecords: {', '.join(parts)}>"

    @property
    def indices(self) -> np.ndarray:
        """Int array, shape `(n,)`: their places among all of the source."""
        return self._indices

    @property
    def has_captions(self) -> bool:
        """Whether a column of captions was named."""
        return bool(self._content.captions)

    @property
    def captions(self) -> list[tuple[str, ...]]:
        """The captions of each record, read without its image if possible."""
        captions = self._content.all_captions()
        return [captions[index] for index in self._indices]

    @property
    def labels(self) -> np.ndarray | None:
        """Int array, shape `(n,)`, -1 where missing; `None` without a label."""
        if self._content.label is None:
            return None
        return self._content.all_labels()[0][self._indices]

    @property
    def class_names(self) -> list[str] | None:
        """Names of the classes; `None` if no column of labels was named."""
        if self._content.label is None:
            return None
        return list(self._content.all_labels()[1])

    @property
    def blocks(self) -> Blocks | None:
        """Which records lie together, if they are read together."""
        blocks = self._content.table.blocks
        if blocks is None:
            return None
        rows = self._content.groups.first_rows[self._indices]
        return Blocks(blocks.of_rows[rows], blocks.window)


class _Content:
    """What records and their slices share: a table and its columns."""

    def __init__(
        self,
        table: Table,
        image: Hashable,
        captions: list[Hashable],
        label: Hashable | None,
        folder: Path | None,
        groups: RowGroups,
    ):
        self.table = table
        self.image = image
        self.captions = captions
        self.label = label
        self.folder = folder
        self.groups = groups
        self._captions: list | None = None
        self._labels: tuple | None = None

    def record(self, index: int) -> CaptionedImage:
        first, *others = self.groups[index].tolist()
        row = self.table.row(first)
        image = resolve_image(row.get(self.image), self.folder)
        texts = self._texts(row)
        for other in others:
            texts += self._texts(self.table.row(other))
        return CaptionedImage(image, tuple(texts), index)

    def all_captions(self) -> list[tuple[str, ...]]:
        if self._captions is None:
            self._captions = list(self._read_captions())
        return self._captions

    def all_labels(self) -> tuple[np.ndarray, list[str]]:
        if self._labels is None:
            self._labels = self._read_labels()
        return self._labels

    def _read_captions(self):
        columns = [self.table.values(name) for name in self.captions]
        of_rows = [
            [text for value in values for text in texts_of(value)]
            for values in zip(*columns, strict=True)
        ]
        for index in range(len(self.groups)):
            rows = self.groups[index] if of_rows else ()
            yield tuple(text for row in rows for text in of_rows[row])

    def _read_labels(self):
        of_rows, names = class_labels(
            self.table.values(self.label),
            self.label,
            self.table.class_names(self.label),
        )
        labels = of_rows[self.groups.first_rows]
        contradictory = 0
        for index in self.groups.larger:
            several = of_rows[self.groups[index]]
            several = several[several != MISSING]
            labels[index] = several[0] if len(several) else MISSING
            contradictory += len(set(several.tolist())) > 1
        self._warn_of(labels, contradictory)
        return labels, names

    def _warn_of(self, labels, contradictory):
        missing = int((labels == MISSING).sum())
        if missing:
            warnings.warn(
                f"{missing} of {len(labels)} labels in the column "
                f"{self.label!r} of {self.table.name} are missing. In `labels` "
                f"they are {MISSING}.",
                stacklevel=5,
            )
        if contradictory:
            warnings.warn(
                f"{contradictory} of {len(labels)} images have rows with "
                f"different labels in the column {self.label!r} of "
                f"{self.table.name}. The first one counts.",
                stacklevel=5,
            )

    def _texts(self, row: Mapping) -> list:
        return [
            text for name in self.captions for text in texts_of(row.get(name))
        ]


def list_of_columns(
    captions: Hashable | Sequence[Hashable] | None,
) -> list[Hashable]:
    """The columns that an argument names, none for `None`."""
    if captions is None:
        return []
    if isinstance(captions, str) or not isinstance(captions, Sequence):
        return [captions]
    if not captions:
        raise ValueError(
            "`captions` must name one column at least, or be None. "
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
            f"`source` must have one row at least. Received: {table.name}, "
            f"with none, and the columns {table.columns}"
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
