"""Each layer, loss, metric and method on the paths of a GPU.

On PyTorch, on an emulated device, see `tests/as_on_gpu`. All tests run there by
`make test-as-on-gpu`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

pytestmark = [
    pytest.mark.one_backend,
    pytest.mark.skipif(
        keras.backend.backend() != "torch" or shutil.which("g++") is None,
        reason="the emulated device is one of PyTorch and needs g++",
    ),
]
ROOT = Path(__file__).parents[1]
FILES = (
    "tests/test_conformity.py",
    "tests/models/test_methods.py",
    "tests/models/test_slip_model.py",
    "tests/evaluation/test_knn_classify.py",
    "tests/test_tensors_as_data.py",
)


def test_on_an_emulated_device():
    command = [
        *(sys.executable, "-m", "pytest", "-p", "tests.as_on_gpu"),
        *("-q", "-p", "no:cacheprovider", "-m", "not slow"),
        *FILES,
    ]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
