"""Files that are whole or not there, of which the two newest are kept."""

import json
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np


class CheckpointFiles:
    """Dicts of arrays in a directory, each under a name that sorts by age.

    A file is written under a temporary name, flushed to the disk and then
    renamed, so that a process that is killed leaves the files that were there
    before. Each array has a checksum, which `read` compares.

    Args:
        directory: Path, made where it is not there.
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        self._last = None

    def prepare(self):
        """Makes the directory, and finds out whether it can be written to.

        Raises:
            OSError: If it cannot.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            # What was being written when an earlier run was killed, too.
            for left in self.directory.glob(".*.tmp"):
                left.unlink()
            trial = self.directory / ".trial.tmp"
            trial.write_bytes(b"checkpoint")
            trial.unlink()
        except OSError as error:
            # Of the same class, and with the number that tells the cause.
            raise type(error)(
                error.errno,
                "`directory` must be one that can be written to. Received: "
                f"directory={str(self.directory)!r} ({error.strerror}). "
                "Nothing has been trained yet",
            ) from error

    def paths(self):
        """Those of all checkpoints, newest first."""
        return sorted(self.directory.glob("*.npz"), reverse=True)

    def read(self):
        """The arrays of the newest whole file, `None` if there are no files.

        Warns of each that is damaged and goes on to the one before.

        Raises:
            ValueError: If all are damaged.
        """
        paths = self.paths()
        for path in paths:
            try:
                arrays = _read(path)
            except Exception as error:  # Damage can surface as anything.
                warnings.warn(
                    f"The checkpoint {str(path)!r} is damaged "
                    f"({type(error).__name__}: {error}). The one before it is "
                    "taken instead.",
                    stacklevel=2,
                )
                continue
            self._last = path
            return arrays
        if paths:
            raise ValueError(
                "`directory` must hold a checkpoint that can be read. "
                f"Received: directory={str(self.directory)!r}, where all of "
                f"{[path.name for path in paths]} are damaged. Delete them to "
                "start anew."
            )
        return None

    def write(self, name, arrays):
        """Adds a file, and removes all but it and the last whole one.

        Raises:
            OSError: If it cannot be written. The others are as they were.
        """
        names = np.frombuffer(json.dumps(list(arrays)).encode(), "uint8")
        path = self.directory / f"{name}.npz"
        temporary = self.directory / f".{name}.tmp"
        try:
            with open(temporary, "wb") as file:
                np.savez(file, **arrays, names=names)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync(self.directory)
        for other in self.paths():
            if other not in (path, self._last):
                other.unlink()
        self._last = path


def _read(path):
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} differs from its checksum")
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    # The directory of the file, too, may have lost one.
    if json.loads(arrays.pop("names").tobytes()) != list(arrays):
        raise ValueError("it lacks arrays")
    return arrays


def _sync(directory):
    """Makes a renaming last; not every system has directories to flush."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
