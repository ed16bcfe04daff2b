"""Examples from Parquet files."""

import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_contrastive.datasets.shards.example_source import Example
from keras_contrastive.datasets.shards.example_source import ExampleSource
from keras_contrastive.datasets.shards.shard_captions import clean_captions
from keras_contrastive.datasets.shards.shard_files import short_names
from keras_contrastive.datasets.tables.failed_downloads import COLUMNS
from keras_contrastive.datasets.tables.failed_downloads import SUCCESS
from keras_contrastive.datasets.tables.failed_downloads import downloaded_rows
from keras_contrastive.datasets.tables.failed_downloads import is_of_img2dataset
from keras_contrastive.datasets.tables.parquet_table import ParquetTable

# Default columns. The first existing one is used.
IMAGE_COLUMNS = ("image", "jpg", "jpeg", "png", "webp")
CAPTION_COLUMNS = ("caption", "captions", "text", "txt")
BATCH_ROWS = 64  # decompressed at a time


class ParquetSource(ExampleSource):
    """Examples from Parquet files, whose parts are their row groups.

    Images are a column of bytes or, as Hugging Face writes them, of dicts of
    `"bytes"` and `"path"`. Captions are columns of strings or of lists.

    Args:
        paths: List of the paths of files.
        image_key: Name of the column, `None` for one of `IMAGE_COLUMNS`.
        caption_keys: Names of the columns of captions, `None` for one of
            `CAPTION_COLUMNS`. Empty if captions are not needed.
    """

    # There are too many row groups for a warning after each one.
    warns_of_parts = False
    name_of_parts = "row groups"

    def __init__(
        self,
        paths: list[str],
        image_key: str | None,
        caption_keys: Sequence[str] | None,
    ):
        table = ParquetTable([Path(path) for path in paths], ", ".join(paths))
        self._table = table
        self._image_key = _column("image_key", table, image_key, IMAGE_COLUMNS)
        self._caption_keys = (
            [_column("caption_key", table, None, CAPTION_COLUMNS)]
            if caption_keys is None
            else [_column("caption_key", table, k, ()) for k in caption_keys]
        )
        names = short_names([os.fspath(file.path) for file in table.files])
        self._names = [names[os.fspath(file.path)] for file in table.files]
        self.parts = []
        self._first_rows = {}
        first = 0
        for number, file in enumerate(table.files):
            row = 0
            for group in range(file.metadata.num_row_groups):
                self.parts.append((number, group))
                self._first_rows[number, group] = row, first + row
                row += file.length(group)
            first += row
        self._columns = [self._image_key, *self._caption_keys]
        self._is_of_img2dataset = is_of_img2dataset(table.columns)

    def count(self) -> int:
        """The number of rows, excluding failed downloads."""
        if self._is_of_img2dataset:
            return len(downloaded_rows(self._table))
        return len(self._table)

    def read(
        self, part: Any, epoch: int, reject: Callable[[str, str], None]
    ) -> Iterator[Example]:
        number, group = part
        in_file, in_all = self._first_rows[number, group]
        columns = list(dict.fromkeys(self._columns))
        if self._is_of_img2dataset:
            columns.append(COLUMNS[0])
        rows = self._table.files[number].rows(group, columns, BATCH_ROWS)
        place = 0
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except ValueError as error:
                reject(f"{self._names[number]}, row group {group}", str(error))
                return
            # Failed downloads are counted at the start.
            if row.get(COLUMNS[0], SUCCESS) == SUCCESS or (
                not self._is_of_img2dataset
            ):
                name = f"{self._names[number]}, row {in_file + place}"
                yield Example(name, (in_all + place) % 2**31, row)
            place += 1

    def image(self, content: Any) -> Any:
        image = content[self._image_key]
        if isinstance(image, Mapping):
            image = image.get("bytes")
        if not isinstance(image, bytes) or not image:
            raise ValueError(f"no bytes in the column {self._image_key!r}")
        return image

    def captions(self, content: Any) -> list[str]:
        return clean_captions(*(content[name] for name in self._caption_keys))


def _column(argument, table, name, candidates):
    if name is None:
        there = [each for each in candidates if each in table.columns]
        name = there[0] if there else None
    if name not in table.columns:
        received = repr(name) if name else f"None, without any of {candidates}"
        raise ValueError(
            f"`{argument}` must name a column of the Parquet files, which have "
            f"{table.columns}. Received: {received}"
        )
    return name
