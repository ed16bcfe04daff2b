"""Writes a file completely, or not at all."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def atomic_file(path: Path, mode: str, **options: Any) -> Iterator[Any]:
    """A context with an open file that replaces `path` at its end.

    If the process fails, is killed, or the disk is full, an earlier file at
    `path` is unchanged. The temporary file has a name that is unique to the
    process and hidden, since readers of folders skip hidden files.

    Args:
        path: Path of the file.
        mode: `"w"` or `"wb"`.
        **options: Further arguments of `Path.open`.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open(mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
