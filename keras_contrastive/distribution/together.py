"""Raises the error of one process in all processes."""

import builtins
from collections.abc import Callable
from typing import Any

from keras_contrastive import distribution


def together(function: Callable) -> Any:
    """Calls a function in each process, and raises in all if one raises.

    Otherwise the other processes would wait for the failed one in the next
    collective. All processes must call this function.

    Args:
        function: Callable without arguments.

    Returns:
        The result of `function` in this process.
    """
    result, error = None, None
    try:
        result = function()
    except Exception as raised:
        error = raised
    texts = distribution.gather_objects(_as_text(error))
    if error is not None:
        raise error
    for index, text in enumerate(texts):
        if text is not None:
            other = _from_text(*text)
            other.add_note(f"Raised in process {index} of {len(texts)}.")
            raise other
    return result


def _as_text(error):
    """Class and message, which every process can read; `None` for `None`."""
    return None if error is None else (type(error).__name__, str(error))


def _from_text(name, message):
    """Rebuilds an error of a built-in class; names any other error."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(message)
        except TypeError:  # Such as UnicodeDecodeError, with five arguments.
            pass
    return RuntimeError(f"{name}: {message}")
