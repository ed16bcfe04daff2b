"""A lock that keeps two processes from training in the same folder."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from keras_contrastive.cli.output import check_writable

NAME = ".keras_contrastive.lock"
HELD = (errno.EAGAIN, errno.EACCES)  # what a lock of another holder raises


@contextlib.contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """A context that no other process can enter for the same folder.

    The operating system ends the lock with the process, so a killed training
    blocks nothing. The context creates the folder if needed, and then removes
    it if it is still empty at the end. File systems without locks are not
    protected.

    Args:
        folder: Path of the folder of a run.

    Raises:
        ValueError: If another training is in the context, or no file can be
            written in the folder.
    """
    path = folder / NAME
    check_writable(path, "--output")
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    descriptor = None
    try:
        descriptor = _open_locked(path)
        yield
    finally:
        if descriptor is not None:
            _remove(path, descriptor)
        for each in new:
            # Removes only empty folders.
            with contextlib.suppress(OSError):
                each.rmdir()


def _open_locked(path):
    """A descriptor of the locked file."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # another training has just removed the empty folder
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in HELD:
                os.close(descriptor)
                raise ValueError(
                    f"{path.parent} is in use by another training. Give "
                    "another --output."
                ) from error
        # The former holder may have removed the file before it was locked.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _lock(descriptor):
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove(path, descriptor):
    if sys.platform == "win32":  # which cannot remove an open file
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
    else:
        # Before the lock ends: a file that another process has locked stays.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)
