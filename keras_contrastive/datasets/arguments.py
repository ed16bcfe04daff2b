"""Checks of arguments that data sets share, and their messages."""

import operator


def checked_int(name, value, minimum):
    """`value` as an int, if it is one of at least `minimum`."""
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
    """What came, for a message: `repr`, or an array's shape and type."""
    if getattr(value, "shape", ()) and hasattr(value, "dtype"):
        shape = tuple(value.shape)
        return f"an array of shape {shape} and type {value.dtype}"
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
