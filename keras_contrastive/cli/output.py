"""Checks output files before the work, and writes them atomically."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from keras_contrastive.atomic_file import atomic_file


def check_writable(path: Path, argument: str) -> None:
    """Raises if no file can be written at `path`.

    Args:
        path: path of the file. Neither the file nor its folder need exist.
        argument: name of the argument in error messages.
    """
    if path.is_dir():
        raise ValueError(f"{argument} must not be a folder. Received: {path}")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise ValueError(
            f"{argument} must lie in a folder. Received: {path}, where "
            f"{folder} is a file"
        )
    there = [path] if path.exists() else []
    for each in (*there, folder):
        if not os.access(each, os.W_OK):
            raise PermissionError(
                f"{argument} must be writable. Received: {path}, but {each} is "
                "read-only"
            )


def check_outside(path: Path, source: Path, argument: str) -> None:
    """Raises if a file at `path` would become an image of the source.

    Args:
        path: path of the file, or of a folder of files.
        source: path of a folder of images, or of a table.
        argument: name of the argument in error messages.
    """
    if source.is_dir() and path.resolve().is_relative_to(source.resolve()):
        raise ValueError(
            f"{argument} must be outside of SOURCE. Otherwise its files would "
            f"be read as your images. Received: {path}, in {source}"
        )


def write_csv(path: Path, header: Iterable[str], rows: Iterable) -> None:
    """Writes a table atomically, and creates its folder if needed.

    File names that are not UTF-8 keep their bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(
        path, "w", newline="", encoding="utf-8", errors="surrogateescape"
    ) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
