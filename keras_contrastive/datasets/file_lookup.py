"""Files by names that another program, or another system, has written."""

import os
import unicodedata
from pathlib import Path


class FileLookup:
    """Finds a file among others by its path.

    A path is first looked for as it is; then with accents composed (macOS
    writes them as characters of their own); then in lower case. A path that
    could mean two files means none.

    Args:
        paths: list of `Path`s.
    """

    def __init__(self, paths: list[Path]):
        self._paths = paths
        self._indices = {}  # made when the first name needs them

    def find(self, *candidates: str | os.PathLike) -> Path | None:
        """The file that the first of these paths with a file means."""
        candidates = [os.path.abspath(path) for path in candidates]
        for form in (str, _composed, _caseless):
            index = self._index(form)
            for path in candidates:
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
