"""Checks of arguments that several folders of the package share."""

import operator
from typing import Any


def check_positive_int(name: str, value: Any) -> int:
    """`value` as an int of at least 1.

    NumPy's integers are integers; `True`, strings and floats, `2.0` among
    them, are not.

    Raises:
        ValueError: If it is anything else.
    """
    try:
        integer = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        integer = 0
    if integer < 1:
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )
    return integer
