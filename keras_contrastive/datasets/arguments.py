"""Checks and descriptions of arguments."""

import operator


def checked_int(name, value, minimum):
    """Returns `value` as an int, or raises if it is less than `minimum`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or number < minimum:
        raise ValueError(
            f"`{name}` must be an integer of at least {minimum}. "
            f"Received: {name}={value!r}"
        )
    return number


def short_repr(value) -> str:
    """A short `repr` for messages: of arrays, the shape and dtype."""
    if getattr(value, "shape", ()) and hasattr(value, "dtype"):
        shape = tuple(value.shape)
        return f"an array of shape {shape} and type {value.dtype}"
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
