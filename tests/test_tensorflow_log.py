"""What is printed while TensorFlow is imported, without TensorFlow."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.one_backend

LINES = """\
WARNING: All log messages before absl::InitializeLog() is called are written
I0000 00:00:1795840835.750240   14771 port.cc:153] oneDNN custom operations
2024-05-01 10:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN
E0000 00:00:1795840835.750240   14771 cuda_dnn.cc:1] Unable to register
W0000 00:00:1795840835.750240   14771 gpu_device.cc:1] Cannot dlopen
an error of somebody else
"""
CODE = f"""
import os
from keras_contrastive.tensorflow_log import without_information
with without_information():
    os.write(2, {LINES!r}.encode())
    if os.environ.get("CRASH"):
        os.abort()
os.write(2, b"I0000 00:00:1 after it\\n")
"""


def standard_error(**variables):
    return subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
    ).stderr.splitlines()


def test_only_information_is_dropped():
    *_, errors = LINES.partition("E0000")
    expected = ("E0000" + errors).splitlines()
    assert standard_error() == [*expected, "I0000 00:00:1 after it"]
    crashed = standard_error(CRASH="1")
    assert crashed[: len(expected)] == expected
    every = standard_error(TF_CPP_MIN_LOG_LEVEL="0")
    assert every[:-1] == LINES.splitlines()
