"""Reads arrays from NumPy files."""

import io
import threading
import zipfile

import numpy as np

NPY_START = b"\x93NUMPY"
NPZ_START = b"PK\x03\x04"
NAME = "image.npy"  # name of the array in a .npz of several
# NumPy parses the header as Python, which is not thread-safe in CPython 3.11:
# "AST constructor recursion depth mismatch".
_ONE_AT_A_TIME = threading.Lock()


def decode_npy(content: bytes) -> np.ndarray:
    """The array of a `.npy` file. Raises for arrays of objects."""
    with _ONE_AT_A_TIME:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def decode_npz(content: bytes, max_bytes: float) -> np.ndarray:
    """The only array of a `.npz` file, or the one that is named `image`.

    Args:
        content: The bytes of the file.
        max_bytes: Maximum size of the array, since a small file can
            decompress to a huge array.

    Raises:
        ValueError: If there is no such array, or it is larger.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [name for name in file.namelist() if name.endswith(".npy")]
        name = names[0] if len(names) == 1 else NAME
        if name not in names:
            names = [name.removesuffix(".npy") for name in names]
            raise ValueError(
                "a .npz file must hold one array, or one that is named "
                f"'image'. Received: {len(names)} arrays, {names[:5]}"
            )
        if file.getinfo(name).file_size > max_bytes:
            raise ValueError(
                f"its array takes {file.getinfo(name).file_size} bytes"
            )
        return decode_npy(file.read(name))
