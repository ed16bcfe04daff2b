"""Finds the images of a command in a folder or a table."""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from keras_contrastive import datasets
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.parsers.source import CAPTION
from keras_contrastive.cli.parsers.source import IMAGE
from keras_contrastive.datasets.tables.open_table import TABLE_SUFFIXES
from keras_contrastive.datasets.tables.open_table import parquet_files_of

# Bytes at each end of a file that are hashed to detect changes. A Parquet file
# ends with metadata that describe all of it.
ENDS = 2**16


class Columns(NamedTuple):
    """The columns of a table, under their names in the settings of a run.

    Attributes:
        image_column: Name of the column of images.
        caption_columns: List of the names of the columns of captions.
        label_column: Name of the column of labels, or `None`.
    """

    image_column: str = IMAGE
    caption_columns: list[str] | None = None
    label_column: str | None = None


def columns_of(
    args: argparse.Namespace, channels: Channels, captions: bool = False
) -> Columns | None:
    """The columns that the arguments name; `None` for a folder of images.

    Args:
        args: Arguments of the command.
        channels: Channels of the images: they decide which files are images.
        captions: Whether the command reads captions.

    Raises:
        FileNotFoundError: If there is no such source.
        ValueError: If columns are named, and the source is a folder.
    """
    if not args.source.exists():
        raise FileNotFoundError(
            "SOURCE must be a folder of images, or a table "
            f"({', '.join(TABLE_SUFFIXES)}). Received: {args.source}, which "
            "does not exist"
        )
    named = {
        "--image-column": args.image_column,
        "--caption-column": getattr(args, "caption_column", None),
        "--label-column": getattr(args, "label_column", None),
    }
    named = {name: value for name, value in named.items() if value}
    arrays = not channels.reads_rgb
    if args.source.is_dir() and not parquet_files_of(args.source, arrays):
        if not named:
            return None
        name, value = next(iter(named.items()))
        raise ValueError(
            f"{name} is for tables. Received: {name} {value} with "
            f"{args.source}, which is a folder of images"
        )
    texts = named.get("--caption-column", [CAPTION]) if captions else None
    label = named.get("--label-column")
    return Columns(args.image_column or IMAGE, texts, label)


def columns_of_run(settings: dict) -> Columns:
    """The columns of the table that a run was trained on."""
    columns: dict[str, Any] = {n: settings.get(n) for n in Columns._fields}
    return Columns(**columns)


def location_of(source: Path) -> Path:
    """The absolute path of a source, for the settings of a run.

    A link to a table is not resolved: the paths in the table start from the
    folder of the link, and the file may have a name without a suffix, as in
    the cache of Hugging Face.
    """
    if source.is_dir():
        return source.resolve()
    return source.parent.resolve() / source.name


def settings_of_source(source: Path, columns: Columns | None) -> dict[str, Any]:
    """The settings of a run that locate its images."""
    settings = {"folder": str(source)}
    if columns is None:
        return settings  # compatible with runs of earlier versions
    named = {k: v for k, v in columns._asdict().items() if v is not None}
    return {**settings, **named}


def open_records(source: Path, columns: Columns) -> datasets.ImageRecords:
    """The records of a table."""
    return datasets.image_records(
        source,
        columns.image_column,
        columns.caption_columns,
        columns.label_column,
    )


class FoundImages(NamedTuple):
    """Images to embed.

    Attributes:
        records: Sequence of paths, or `ImageRecords`.
        labels: Int array, or `None`.
        class_names: List of strings, or `None`.
        folder: The folder that names of images are relative to.
    """

    records: Sequence
    labels: Any
    class_names: list[str] | None
    folder: Path


def find_columns(
    args: argparse.Namespace, settings: dict, channels: Channels
) -> Columns | None:
    """`columns_of`, by default with the column of images of a run.

    Args:
        args: Arguments of the command.
        settings: Settings of the run.
        channels: Channels of the images.
    """
    columns = columns_of(args, channels)
    of_run = columns_of_run(settings).image_column
    if columns is None or args.image_column or not of_run:
        return columns
    return columns._replace(image_column=of_run)


def find_images(
    args: argparse.Namespace, settings: dict, channels: Channels
) -> FoundImages:
    """Finds the images of the source of a command.

    Args:
        args: Arguments of the command.
        settings: Settings of the run whose model reads the images. They give
            the default column of images.
        channels: Channels of the images.
    """
    columns = find_columns(args, settings, channels)
    if columns is None:
        found = datasets.image_folder(args.source, not channels.reads_rgb)
        return FoundImages(*found, args.source)
    records = open_records(args.source, columns)
    is_file = args.source.is_file()
    folder = args.source.parent if is_file else args.source
    return FoundImages(records, records.labels, records.class_names, folder)


def relative_name(name: str, folder: Path) -> str:
    """The path relative to the folder; unchanged if outside of the folder."""
    image = Path(name)
    inside = image.is_relative_to(folder)
    return str(image.relative_to(folder)) if inside else name


def fingerprint(source: Path) -> str:
    """A hash that almost certainly changes when the table does."""
    digest = hashlib.sha256()
    for file in parquet_files_of(source) or [source]:
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            digest.update(f"{size} ".encode() + stream.read(ENDS))
            stream.seek(max(0, size - ENDS))
            digest.update(stream.read(ENDS))
    return digest.hexdigest()


def captions_of(records: Sequence) -> list[tuple[str, ...]]:
    """The captions of records, without values that are not strings."""
    captions = (
        records.captions
        if isinstance(records, datasets.ImageRecords)
        else [record.captions for record in records]
    )
    return [
        tuple(text for text in several if isinstance(text, str))
        for several in captions
    ]


def take(records: Sequence, indices: Sequence[int]) -> Any:
    """Selects records: returns a list, or `ImageRecords` if given them."""
    if isinstance(records, datasets.ImageRecords):
        return records[indices]
    return [records[index] for index in indices]
