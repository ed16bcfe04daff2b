"""Set-up shared by the whole suite, which runs once per KERAS_BACKEND."""

import gc
import os

# PyTorch must be imported before TensorFlow in one process.
try:
    import torch  # noqa: F401
except ImportError:
    pass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks all but the first case of a test `one_case` as `one_backend`."""
    seen = set()
    for item in items:
        test = item.nodeid.split("[")[0]
        if test in seen and item.get_closest_marker("one_case"):
            item.add_marker(pytest.mark.one_backend)
        seen.add(test)


def pytest_collection_finish():
    """The collector need not look again at all that the imports made."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_state():
    """Every test starts from the same seed and the float32 policy."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session(free_memory=False)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
