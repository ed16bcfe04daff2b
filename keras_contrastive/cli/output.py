"""Files that a command writes, checked before it works for them."""

import os
from pathlib import Path


def check_writable(path: Path, argument: str) -> None:
    """Raises if no file can be written at `path`.

    Args:
        path: of the file, which need not be there, as its folder need not.
        argument: what the user calls it.
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
