"""The images and texts of a folder, and a count of other files."""

import os
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

from keras_contrastive.datasets.files.image_files import HEIF_HINT
from keras_contrastive.datasets.files.image_files import HEIF_SUFFIXES
from keras_contrastive.datasets.files.image_files import SUFFIXES
from keras_contrastive.datasets.files.image_files import reads_heif

# Common files beside images, which are not counted as skipped.
COMPANIONS = {
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".xml", ".yaml", ".yml"),
    *(".md", ".rst", ".html", ".log", ".py", ".ipynb", ".db", ".ini"),
    *(".npy", ".npz", ".keras", ".h5"),
}
ARRAY_SUFFIXES = (".npy", ".npz", ".dcm")
_HINTS = {
    **{suffix: f" ({HEIF_HINT})" for suffix in HEIF_SUFFIXES},
    ".dcm": " (read with `channels` or `value_range`)",
}
KINDS = 5  # suffixes of skipped files that a message lists


class FolderScan(NamedTuple):
    """The result of `scan_folder`. Paths are relative to the folder.

    Attributes:
        images: Sorted list of `Path`s of images.
        texts: List of `Path`s of `.txt` files.
        skipped: `Counter` of the suffixes of files that may be images in
            formats that are not supported.
    """

    images: list[Path]
    texts: list[Path]
    skipped: Counter

    def describe_skipped(self) -> str:
        """The number of skipped files of each suffix, with a hint."""
        kinds = [
            f"{count} {suffix}" + _HINTS.get(suffix, "")
            for suffix, count in self.skipped.most_common(KINDS)
        ]
        rest = self.skipped.total() - sum(
            count for _, count in self.skipped.most_common(KINDS)
        )
        return ", ".join(kinds + [f"{rest} others"] * bool(rest))


def scan_folder(folder: Path, arrays: bool = False) -> FolderScan:
    """Lists the files of a folder and its subfolders by kind.

    Args:
        folder: Path of the folder, see `walk_files`.
        arrays: Whether `.npy`, `.npz` and `.dcm` are images.
    """
    suffixes = SUFFIXES + HEIF_SUFFIXES * reads_heif() + ARRAY_SUFFIXES * arrays
    scan = FolderScan([], [], Counter())

    def count_unreadable(error):
        scan.skipped["folders without permission to read"] += 1

    for path in walk_files(folder, count_unreadable):
        suffix = path.suffix.lower()
        if suffix in suffixes:
            scan.images.append(path)
        elif suffix == ".txt":
            scan.texts.append(path)
        elif suffix not in COMPANIONS:
            scan.skipped[suffix or "without a suffix"] += 1
    scan.images.sort()
    return scan


def walk_files(
    folder: Path, on_error: Callable[[OSError], Any] | None = None
) -> Iterator[Path]:
    """The files of a folder and its subfolders, relative to the folder.

    Follows links to folders, except those that lead back to a folder above.
    Ignores hidden files and folders.

    Args:
        folder: Path of the folder.
        on_error: Function of the error for a folder that cannot be read.
    """
    for parent, folders, names in os.walk(
        folder, followlinks=True, onerror=on_error
    ):
        place = Path(parent)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not _leads_back(place / name, folder)
        ]
        for name in names:
            if not name.startswith("."):
                yield (place / name).relative_to(folder)


def _leads_back(path, folder):
    """Whether a link leads to a folder that contains the link."""
    if not path.is_symlink():
        return False
    target = path.resolve()
    above = [each for each in path.parents if each.is_relative_to(folder)]
    return any(each.resolve().is_relative_to(target) for each in above)
