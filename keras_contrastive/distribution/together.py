"""Failures of one process that all processes must know of."""

import pickle
from collections.abc import Callable
from typing import Any

from keras_contrastive import distribution


def together(function: Callable) -> Any:
    """Calls a function in each process, and raises in all if one raises.

    Otherwise the others would wait for the failed one, in the next collective.
    All processes must call it.

    Args:
        function: Callable without arguments.

    Returns:
        What `function` returned in this process.
    """
    result, error = None, None
    try:
        result = function()
    except Exception as raised:
        error = raised
    errors = distribution.gather_objects(_portable(error))
    if error is not None:
        raise error
    for index, other in enumerate(errors):
        if other is not None:
            other.add_note(f"Raised in process {index} of {len(errors)}.")
            raise other
    return result


def _portable(error):
    """The error, or one that says the same, if pickle cannot write it."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # Whatever the exception's class raises.
        return RuntimeError(f"{type(error).__name__}: {error}")
