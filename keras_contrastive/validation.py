"""Checks of arguments: numbers, flags, lists, layers, one of several values."""

import operator
import re
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np


def check_int(name: str, value: Any, minimum: int) -> int:
    """`value` as an int of at least `minimum`.

    NumPy's integers count as integers; `True`, strings and floats, including
    `2.0`, do not.

    Raises:
        ValueError: If it is anything else.
    """
    try:
        integer = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        integer = None
    if integer is None or integer < minimum:
        kind = {
            0: "an integer of 0 or more",
            1: "a positive integer",
        }.get(minimum, f"an integer of at least {minimum}")
        raise ValueError(f"`{name}` must be {kind}. Received: {name}={value!r}")
    return integer


def check_bool(name: str, value: Any) -> bool:
    """`value` as a bool. `"False"` is not taken for true, nor 0 for false."""
    # NumPy's comes from its comparisons.
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"`{name}` must be True or False. Received: {name}={value!r}"
        )
    return bool(value)


def check_positive_int(name: str, value: Any) -> int:
    """`value` as an int of at least 1, see `check_int`."""
    return check_int(name, value, 1)


def check_positive(name: str, value: Any) -> float:
    """`value` as a finite float greater than 0."""
    number = _number(value)
    if not 0 < number < float("inf"):
        raise ValueError(
            f"`{name}` must be a positive number. Received: {name}={value!r}"
        )
    return number


def check_not_negative(name: str, value: Any) -> float:
    """`value` as a finite float of at least 0."""
    number = _number(value)
    if not 0 <= number < float("inf"):
        raise ValueError(
            f"`{name}` must be a number of 0 or more. "
            f"Received: {name}={value!r}"
        )
    return number


def check_probability(name: str, value: Any) -> float:
    """`value` as a float in [0, 1]."""
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(
            f"`{name}` must be in [0, 1]. Received: {name}={value!r}"
        )
    return number


def check_cosine(name: str, value: Any) -> float:
    """`value` as a float in [-1, 1]."""
    number = _number(value)
    if not -1 <= number <= 1:
        raise ValueError(
            f"`{name}` must be in [-1, 1]. Received: {name}={value!r}"
        )
    return number


def check_rate(name: str, value: Any) -> float:
    """`value` as a float in [0, 1): 1 would leave nothing."""
    number = _number(value)
    if not 0 <= number < 1:
        raise ValueError(
            f"`{name}` must be in [0, 1). Received: {name}={value!r}"
        )
    return number


def check_number(name: str, value: Any) -> float:
    """`value` as a finite float."""
    number = _number(value)
    if not abs(number) < float("inf"):
        raise ValueError(
            f"`{name}` must be a number. Received: {name}={value!r}"
        )
    return number


def check_list(name: str, value: Any, of: str) -> list:
    """The items of `value` as a list. A string is not taken for its letters.

    Args:
        name: Name of the argument.
        value: Its value.
        of: What the items are, for the message.
    """
    try:
        items = None if isinstance(value, str | bytes | dict) else list(value)
    except TypeError:
        items = None
    if items is None:
        raise ValueError(
            f"`{name}` must be a list of {of}. Received: {name}={value!r}"
        )
    return items


def check_interval(
    name: str, interval: Any, low: float, high: float = float("inf")
) -> tuple[float, float]:
    """`interval` as a tuple (low, high) of finite floats in [low, high]."""
    try:
        first, last = map(_number, interval)
    except (TypeError, ValueError):
        first, last = 0.0, -1.0
    is_finite = abs(first) < float("inf") and abs(last) < float("inf")
    if not (is_finite and low <= first <= last <= high):
        raise ValueError(
            f"`{name}` must be a pair (low, high) of finite numbers with "
            f"{low} <= low <= high <= {high}. Received: {name}={interval!r}"
        )
    return first, last


def check_choice(
    name: str, value: Any, choices: Iterable, condition: str = ""
) -> None:
    """Raises unless `value` is one of `choices`.

    Args:
        name: Name of the argument.
        value: Its value.
        choices: The values allowed.
        condition: Words for the message, if they are allowed under a condition.
    """
    choices = list(choices)
    try:
        valid = value in set(choices)
    except TypeError:  # a list, an array: without a hash
        valid = False
    if not valid:
        listed = ", ".join(map(repr, choices))
        condition = condition and f" {condition}"
        raise ValueError(
            f"`{name}` must be one of {listed}{condition}. "
            f"Received: {name}={value!r}"
        )


def check_pattern(name: str, value: Any) -> None:
    """Raises unless `value` is a regular expression for strings."""
    try:
        re.search(value, "")
    except (re.error, TypeError) as error:
        raise ValueError(
            f"`{name}` must be a regular expression. "
            f"Received: {name}={value!r} ({error})"
        ) from error


def check_layer(name: str, value: Any) -> None:
    """Raises unless `value` is a Keras model or layer."""
    if not isinstance(value, keras.Layer):
        raise ValueError(
            f"`{name}` must be a Keras model or layer. "
            f"Received: {name}={value!r}"
        )


def check_rgb_channels(
    rgb_channels: Any, channels: int | None = None
) -> tuple[int, ...] | None:
    """Returns `rgb_channels` as a tuple of three distinct ints, or `None`.

    Args:
        rgb_channels: The argument.
        channels: Number of channels, if it is known, which they are below.
    """
    if rgb_channels is None:
        return None
    is_sequence = isinstance(rgb_channels, (tuple, list))
    if not is_sequence or len(rgb_channels) != 3 or len(set(rgb_channels)) != 3:
        raise ValueError(
            "`rgb_channels` must be three distinct indices of channels, those "
            f"of red, green and blue. Received: rgb_channels={rgb_channels!r}"
        )
    rgb_channels = tuple(check_int("rgb_channels", i, 0) for i in rgb_channels)
    if channels is not None and max(rgb_channels) >= channels:
        raise ValueError(
            f"`rgb_channels` must be less than {channels}, the number of "
            f"channels. Received: rgb_channels={rgb_channels}"
        )
    return rgb_channels


def _number(value):
    """`value` as a float, NaN if it is no number."""
    try:
        return float("nan") if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        return float("nan")
