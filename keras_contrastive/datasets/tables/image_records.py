"""A sequence of images with their captions and labels."""

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
from keras_contrastive.datasets.tables.row_groups import RowGroups
from keras_contrastive.datasets.tables.table import Blocks
from keras_contrastive.datasets.tables.table import Table
from keras_contrastive.datasets.tables.table_paths import resolve_image


class ImageRecords(Sequence):
    """Images with their captions and labels: the result of `image_records`.

    A sequence of `CaptionedImage(image, captions, image_id)`, read from the
    source on access. `captions` is empty if no column of captions was named.
    `records[10:20]` and `records[indices]` are also `ImageRecords`.

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

    def __init__(self, content: "RecordContent", indices: np.ndarray):
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
        """Int array, shape `(n,)`: indices among all records of the source."""
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
        """Blocks of records that are read together, or `None`."""
        blocks = self._content.table.blocks
        if blocks is None:
            return None
        rows = self._content.groups.first_rows[self._indices]
        return Blocks(blocks.of_rows[rows], blocks.window)


class RecordContent:
    """The table and columns that records and their slices share."""

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
                f"{self.table.name}. The first one is used.",
                stacklevel=5,
            )

    def _texts(self, row: Mapping) -> list:
        return [
            text for name in self.captions for text in texts_of(row.get(name))
        ]
