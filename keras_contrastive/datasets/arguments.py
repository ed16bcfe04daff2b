"""Checks of arguments that data sets share."""

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
