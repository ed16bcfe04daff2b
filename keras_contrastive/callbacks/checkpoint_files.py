"""Reads, writes and removes the files of `Checkpoint`, and no others."""

import errno
import json
import os
import re
import uuid
import warnings
import zipfile
from pathlib import Path

import numpy as np

_NAME = re.compile(r"epoch-\d{6,}-step-\d{9,}\.npz")
# The first array of each file. Its name distinguishes our files from others.
_MARKER = "keras_contrastive_checkpoint"
# Temporary files have this prefix, and no other files do.
_TEMPORARY = ".keras_contrastive-"
# Length of the header before the first file name in a zip archive.
_ZIP_HEADER = 30


class CheckpointFiles:
    """Stores dicts of arrays in a directory, under names that sort by age.

    A file is written under a temporary name, flushed to the disk and then
    renamed, so that a killed process leaves the earlier files intact. Each
    array has a checksum, which `read` compares.

    The directory may hold other files. They are neither read nor changed, even
    if they have the name of a checkpoint.

    Args:
        directory: Path, created if it does not exist.
    """

    def __init__(self, directory):
        self.directory = Path(directory).expanduser()
        self._last = None

    @property
    def newest(self):
        """Name of the last intact file that was read or written, or `None`."""
        return self._last and self._last.name

    def prepare(self):
        """Creates the directory and checks that it can be written to.

        Raises:
            OSError: If it cannot be written to.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            # A killed run may have left a part of a checkpoint.
            for left in self.directory.glob(f"{_TEMPORARY}*.tmp"):
                left.unlink()
            trial = self._temporary()
            trial.write_bytes(b"checkpoint")
            trial.unlink()
        except OSError as error:
            # The same class, with the error number that tells the cause.
            raise type(error)(
                error.errno,
                "`directory` must be one that can be written to. Received: "
                f"directory={str(self.directory)!r} ({error.strerror}). "
                "Training has not started",
            ) from error

    def paths(self):
        """Paths of all checkpoints, newest first."""
        return [path for path in self._named() if _is_ours(path)]

    def _named(self):
        """Files with the name of a checkpoint, newest first."""
        if not self.directory.is_dir():
            return []
        named = [
            path
            for path in self.directory.iterdir()
            if _NAME.fullmatch(path.name) and path.is_file()
        ]
        return sorted(named, reverse=True)

    def _temporary(self):
        return self.directory / f"{_TEMPORARY}{uuid.uuid4().hex}.tmp"

    def read(self):
        """The arrays of the newest intact file, `None` if there are no files.

        Warns of each damaged file and tries the previous one. Warns of other
        files that have the name of a checkpoint.

        Raises:
            ValueError: If all are damaged.
        """
        self._last = None
        paths = self.paths()
        others = [path.name for path in self._named() if path not in paths]
        if others:
            warnings.warn(
                f"{others} in {str(self.directory)!r} have the name of a "
                "checkpoint, but `Checkpoint` does not recognize them as its "
                "own. They are neither read nor changed.",
                stacklevel=2,
            )
        for path in paths:
            try:
                arrays = _read(path)
            except Exception as error:  # Damage can surface as anything.
                warnings.warn(
                    f"The checkpoint {str(path)!r} is damaged "
                    f"({type(error).__name__}: {error}). The previous one is "
                    "used instead.",
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
                "start again."
            )
        return None

    def read_file(self, name):
        """The arrays of a file that another process found.

        Raises:
            ValueError: If there is no such file.
        """
        path = self.directory / name
        if not path.is_file():
            raise ValueError(
                "`directory` must be one that all processes can access. "
                f"Received: directory={str(self.directory)!r}, where this "
                f"process does not find {name!r}, which the first one does."
            )
        return _read(path)

    def write(self, name, arrays):
        """Adds a file, and keeps only this file and the last intact one.

        Raises:
            OSError: If it cannot be written. The others are unchanged.
        """
        marker = {_MARKER: np.array(1)}
        names = np.frombuffer(json.dumps(list(arrays)).encode(), "uint8")
        path = self.directory / f"{name}.npz"
        if path.exists() and not _is_ours(path):
            raise FileExistsError(
                errno.EEXIST, "`Checkpoint` did not write this file", str(path)
            )
        temporary = self._temporary()
        try:
            with open(temporary, "wb") as file:
                np.savez(file, **marker, **arrays, names=names)
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


def _is_ours(path):
    """Whether `CheckpointFiles` wrote the file, which may be damaged.

    Files of earlier versions lack the marker.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(_ZIP_HEADER + len(_MARKER))
    except OSError:
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = archive.namelist()
    except Exception:  # Damage can surface as anything.
        arrays = []
    first = start[_ZIP_HEADER:]
    if not start or f"{_MARKER}.npy" in arrays or first == _MARKER.encode():
        return True
    if arrays:
        return {"names.npy", "progress.npy"} <= set(arrays)
    return start[:2] == b"PK" and first.startswith(b"variable_0.npy")


def _read(path):
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} differs from its checksum")
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    arrays.pop(_MARKER, None)
    # The archive's directory may also lack an array.
    if json.loads(arrays.pop("names").tobytes()) != list(arrays):
        raise ValueError("it lacks arrays")
    return arrays


def _sync(directory):
    """Flushes a renaming to disk; some systems cannot flush directories."""
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
