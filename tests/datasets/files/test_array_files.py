"""Arrays in NumPy files, in addition to `test_stored_pixels.py`."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from keras_contrastive.datasets.files.array_files import decode_npy


@pytest.mark.one_backend
def test_arrays_are_read_in_several_threads():
    """NumPy's header parser is not thread-safe in CPython 3.11."""
    file = io.BytesIO()
    np.save(file, np.zeros((2, 2, 3), "uint8"))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            arrays = list(pool.map(decode_npy, [file.getvalue()] * 8000))
    finally:
        sys.setswitchinterval(interval)
    assert {array.shape for array in arrays} == {(2, 2, 3)}
