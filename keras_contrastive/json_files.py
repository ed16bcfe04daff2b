"""Reads settings files of other libraries."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_contrastive.atomic_file import atomic_file


def read_json(path: Path) -> dict | None:
    """The object in a `.json` file, or `None` if there is no such file.

    Raises:
        ValueError: if the file holds anything else.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be a JSON file: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} must hold a JSON object. Received: {str(content)[:80]}"
        )
    return content


def write_json(content: dict, path: Path) -> None:
    """Writes an object to a `.json` file, atomically."""
    text = json.dumps(content, indent=2) + "\n"
    with atomic_file(path, "w", encoding="utf-8") as file:
        file.write(text)


def value_of(
    settings: dict,
    name: str,
    default: Any,
    kind: tuple[str, Callable[[Any], bool]],
    place: str,
) -> Any:
    """A setting of a file, after a check of its kind.

    Args:
        settings: Dict of settings.
        name: The name of a setting.
        default: The value if the setting is missing.
        kind: The required kind of value, in words and as a function that checks
            it: one of the constants below.
        place: The section of the file that holds the settings.

    Raises:
        ValueError: If the value is of another kind.
    """
    value = settings.get(name, default)
    expected, is_kind = kind
    if not is_kind(value):
        raise ValueError(
            f"`{name}` of {place} must be {expected}. "
            f"Received: {name}={value!r}"
        )
    return value


def section_of(settings: dict, name: str, place: str) -> dict:
    """An object among the settings, empty if it is missing or null."""
    section = ("an object", lambda value: value is None or _is_dict(value))
    return value_of(settings, name, None, section, place) or {}


def _is_dict(value):
    return isinstance(value, dict)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive_int(value):
    return isinstance(value, int) and _is_number(value) and value > 0


def _is_size(value):
    if isinstance(value, dict):
        value = [value.get("height"), value.get("width")]
    if isinstance(value, list | tuple):
        return len(value) == 2 and all(map(_is_positive_int, value))
    return _is_positive_int(value)


def _are_three(value):
    return isinstance(value, list | tuple) and len(value) == 3


BOOLEAN = ("true or false", lambda value: isinstance(value, bool))
POSITIVE_INTEGER = ("a positive integer", _is_positive_int)
POSITIVE_NUMBER = (
    "a positive number",
    lambda value: _is_number(value) and value > 0,
)
SHARE = ("a number in [0, 1)", lambda v: _is_number(v) and 0 <= v < 1)
TOKEN_ID = (
    "a token id, an integer",
    lambda v: isinstance(v, int) and _is_number(v) and v >= 0,
)
SIZE = ("a positive integer, or a pair of height and width", _is_size)
THREE_NUMBERS = (
    "three numbers",
    lambda value: _are_three(value) and all(map(_is_number, value)),
)
THREE_POSITIVE_NUMBERS = (
    "three positive numbers",
    lambda value: THREE_NUMBERS[1](value) and min(value) > 0,
)
