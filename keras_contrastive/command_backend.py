"""Chooses the command line's backend, without importing Keras or a backend.

Keras must have a backend before it is imported, and takes TensorFlow if it is
not told.
"""

import importlib
import json
import os
import sys
from contextlib import nullcontext
from importlib.machinery import PathFinder
from pathlib import Path

from keras_contrastive.command import program
from keras_contrastive.tensorflow_log import without_information

BACKENDS = ("tensorflow", "torch", "jax")
ANOTHER = (
    f"To choose a backend: KERAS_BACKEND=jax {program()} ..., "
    "or tensorflow, or torch."
)
INSTALL = """\
To install one:
  pip install 'keras_contrastive[torch]'
  pip install 'keras_contrastive[jax]'
  pip install 'keras_contrastive[tensorflow]'"""


def choose_backend() -> None:
    """Sets KERAS_BACKEND to an installed backend, and prints which one.

    The user's choice is respected: KERAS_BACKEND if it is set, otherwise the
    configuration file of Keras if its backend can be imported. Keras writes
    TensorFlow into that file by default.

    Raises:
        SystemExit: if there is no backend, or not the one in KERAS_BACKEND.
    """
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen:
        reason = why_not(chosen)
        if reason:
            raise SystemExit(
                f"error: KERAS_BACKEND={chosen} cannot be used: {reason}.\n"
                f"{ANOTHER}\n{INSTALL}"
            )
        return
    default = configured_backend()
    reasons = {}
    for backend in dict.fromkeys((default, *BACKENDS)):
        reasons[backend] = why_not(backend)
        if not reasons[backend]:
            break
    else:
        lines = "\n".join(f"  {name}: {why}" for name, why in reasons.items())
        raise SystemExit(
            "error: Keras needs a backend, and none can be imported.\n"
            f"{lines}\n{INSTALL}"
        )
    if backend != default:
        os.environ["KERAS_BACKEND"] = backend
        print(
            f"Backend: {backend}, since {default} cannot be used "
            f"({reasons[default]}). {ANOTHER}",
            file=sys.stderr,
        )


class WithoutTensorFlow(PathFinder):
    """Finds the modules of an environment that has no TensorFlow."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname == "tensorflow":
            return None
        return super().find_spec(fullname, path, target)


def leave_out_tensorflow() -> None:
    """Makes Keras do without TensorFlow if another backend is used.

    `keras.utils.set_random_seed` would import it where it is installed, which
    takes seconds.
    """
    if "tensorflow" not in sys.modules:
        sys.meta_path[:] = [
            WithoutTensorFlow if finder is PathFinder else finder
            for finder in sys.meta_path
        ]


def why_not(backend: str) -> str | None:
    """The reason why a backend cannot be used, or `None` if it can."""
    if backend not in BACKENDS:
        return f"training needs one of {', '.join(BACKENDS)}"
    try:
        # Keras imports it next, so this import costs no extra time.
        is_tensorflow = backend == "tensorflow"
        with without_information() if is_tensorflow else nullcontext():
            importlib.import_module(backend)
    except Exception as error:  # a broken installation can raise anything
        return str(error) or type(error).__name__
    return None


def configured_backend() -> str:
    """The backend that Keras uses if KERAS_BACKEND is not set."""
    home = Path("~").expanduser()
    if not os.access(home, os.W_OK):
        home = Path("/tmp")
    folder = Path(os.environ.get("KERAS_HOME", home / ".keras"))
    try:
        config = json.loads((folder / "keras.json").expanduser().read_text())
        return str(config.get("backend", BACKENDS[0]))
    except (OSError, ValueError, AttributeError):
        return BACKENDS[0]
