"""Finds files by paths that another program or system wrote."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path


class FileLookup:
    """Finds a file among others by its path.

    Compares paths exactly first, then with composed accents (macOS writes an
    accent as a separate character), then without case. A path that matches
    several files is treated as not found.

    Args:
        paths: List of `Path`s to search.
    """

    def __init__(self, paths: list[Path]):
        self._paths = paths
        # Dicts from normalized paths to files, built when needed.
        self._indices: dict[Callable, dict[str, Path | None]] = {}

    def find(self, *candidates: str | os.PathLike) -> Path | None:
        """The file of the first candidate that has one, or `None`."""
        paths = [os.path.abspath(path) for path in candidates]
        for form in (str, _composed, _caseless):
            index = self._index(form)
            for path in paths:
                found = index.get(form(path))
                if found is not None:
                    return found
        return None

    def _index(self, form):
        if form not in self._indices:
            index = self._indices[form] = {}
            for path in self._paths:
                key = form(os.path.abspath(path))
                index[key] = None if key in index else path
        return self._indices[form]


def _composed(path):
    return unicodedata.normalize("NFC", path)


def _caseless(path):
    return _composed(_composed(path).casefold())
