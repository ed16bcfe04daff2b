"""Checks a command's output files before it starts working."""

import os
from pathlib import Path


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
                f"{argument} must be where you can write. Received: {path}, "
                f"but {each} is read-only"
            )
