"""Finds the files of the paths in a table."""

import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def resolve_image(image: Any, folder: Path | None) -> Any:
    """Resolves the path of an image relative to the table's folder.

    Args:
        image: A path, a dict of `"bytes"` and `"path"`, or anything else,
            which is returned unchanged.
        folder: The folder, `None` for the current one.
    """
    if isinstance(image, str | os.PathLike):
        return resolve_path(os.fspath(image), folder)
    if isinstance(image, Mapping) and image.get("bytes") is None:
        path = image.get("path")
        if isinstance(path, str):
            return {**image, "path": resolve_path(path, folder)}
    return image


def resolve_path(path: str, folder: Path | None) -> str:
    """The path of a file, from a path written on any operating system.

    If the file does not exist, this tries the path without outer spaces, with
    slashes for backslashes, and with composed and decomposed accents.
    """
    first = _join(path, folder)
    if path.isascii() and "\\" not in path and path == path.strip():
        return first
    stripped = path.strip()
    for name in (path, stripped, stripped.replace("\\", "/")):
        for form in (None, "NFC", "NFD"):
            found = unicodedata.normalize(form, name) if form else name
            found = _join(found, folder)
            if os.path.exists(found):
                return found
    return first


def _join(path, folder):
    path = os.path.expanduser(path)
    return path if folder is None else os.path.join(folder, path)
