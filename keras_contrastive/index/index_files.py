"""The files of a saved index: arrays with checksums, and no pickles."""

import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import Any
from typing import Literal

import numpy as np

from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import write_json

MANIFEST = "index.json"
FORMAT = "keras_contrastive.EmbeddingIndex"
VERSION = 1


def write_arrays(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays to a folder atomically.

    Raises:
        ValueError: If the folder exists and does not hold an index.
    """
    if folder.exists() and not _manifest(folder):
        raise ValueError(
            "`path` must be a new folder, or one that `EmbeddingIndex.save` "
            f"has written. Received: {folder}"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}-{uuid.uuid4().hex}.tmp"
    temporary.mkdir()
    try:
        files = {}
        for number, (name, array) in enumerate(arrays.items()):
            file = f"array-{number:03d}.npy"
            np.save(temporary / file, array, allow_pickle=False)
            digest = _digest(temporary / file)
            files[name] = {"file": file, "sha256": digest}
        manifest = {"format": FORMAT, "version": VERSION, "arrays": files}
        write_json(manifest, temporary / MANIFEST)
        old = None
        if folder.exists():
            old = temporary.with_suffix(".old")
            folder.rename(old)
        try:
            temporary.rename(folder)
        except BaseException:
            if old is not None:
                old.rename(folder)
            raise
        if old is not None:
            _remove(old)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_arrays(
    folder: Path, mapped: set[str], verify: bool
) -> dict[str, np.ndarray]:
    """Reads the arrays of a folder.

    Args:
        folder: Path that `write_arrays` has written.
        mapped: Names of the arrays that stay in their files.
        verify: Whether to compare checksums, which reads all files.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the folder does not hold an index, or is damaged.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`path` must be the folder of a saved index. Received: {folder}"
        )
    manifest = _manifest(folder)
    if not manifest:
        raise ValueError(
            f"`path` must be the folder of a saved index, with {MANIFEST}. "
            f"Received: {folder}"
        )
    if manifest.get("version") != VERSION:
        raise ValueError(
            f"{folder} must be of version {VERSION}. "
            f"Received: version={manifest.get('version')!r}"
        )
    arrays = {}
    for name, entry in manifest["arrays"].items():
        path = folder / Path(entry["file"]).name
        if verify and (not path.is_file() or _digest(path) != entry["sha256"]):
            raise ValueError(
                f"{path} is missing or damaged: its checksum "
                "differs from that of the index"
            )
        mode: Literal["r"] | None = "r" if name in mapped else None
        arrays[name] = np.load(path, mmap_mode=mode, allow_pickle=False)
    return arrays


def _manifest(folder: Path) -> dict:
    """The manifest of an index, empty for other folders."""
    try:
        manifest = read_json(folder / MANIFEST) or {}
    except ValueError:
        manifest = {}
    return manifest if manifest.get("format") == FORMAT else {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(folder: Any) -> None:
    """Removes the files that we wrote; anything else stays."""
    for entry in _manifest(folder)["arrays"].values():
        (folder / Path(entry["file"]).name).unlink(missing_ok=True)
    (folder / MANIFEST).unlink()
    if not any(folder.iterdir()):
        os.rmdir(folder)
