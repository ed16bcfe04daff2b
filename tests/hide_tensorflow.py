"""As on a machine without TensorFlow: `pytest -p tests.hide_tensorflow`."""

import sys
from importlib.machinery import PathFinder


class NoTensorFlow(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.split(".")[0] not in ("tensorflow", "tensorflow_datasets"):
            return super().find_spec(name, path, target)


sys.meta_path = [
    NoTensorFlow if finder is PathFinder else finder for finder in sys.meta_path
]
