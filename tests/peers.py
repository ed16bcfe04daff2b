"""Other libraries, which tests are compared with where they are installed.

transformers is among the `dev` extra. For open_clip add, into `.venv`:

    pip install --no-deps open_clip_torch timm torchvision==0.28.0
"""

import functools
from importlib.util import find_spec

import pytest

from benchmarks.peers import make_torchvision_importable


@functools.cache
def _prepare():
    if find_spec("torchvision"):
        make_torchvision_importable()


def peer(name):
    """The module `name`; skips the tests, saying so, where there is none."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed", allow_module_level=True)
    _prepare()
    return pytest.importorskip(name)
