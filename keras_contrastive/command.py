"""Notices the command line, which starts without Keras."""

import sys
import traceback
from pathlib import Path

NAME = "keras-contrastive"  # the console script of pyproject.toml


def is_console_script() -> bool:
    """Whether this process is the script that pip has installed."""
    script = Path(sys.argv[0]).name if sys.argv else ""
    return script in (NAME, f"{NAME}.exe")


def is_command() -> bool:
    """Whether the package is being imported by its command line.

    That is the console script, or `python -m keras_contrastive`: the standard
    library's `runpy` imports a package before it runs one of its modules.
    """
    return is_console_script() or any(
        frame.f_globals.get("__name__") == "runpy"
        and str(frame.f_locals.get("mod_name")).startswith("keras_contrastive.")
        for frame, _ in traceback.walk_stack(None)
    )


def program() -> str:
    """What the user types before the name of a command."""
    return NAME if is_console_script() else "python -m keras_contrastive"
