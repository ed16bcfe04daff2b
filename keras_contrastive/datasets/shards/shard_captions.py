"""The captions of an example in a shard."""

import json
from collections.abc import Sequence
from typing import Any


def read_captions(
    sample: dict[str, bytes], keys: Sequence[str] | None
) -> list[str]:
    """Reads the captions of an example in an archive, at least one.

    Args:
        sample: Dict from suffixes to the contents of files.
        keys: Fields of the `.json` that hold captions; `None` for the `.txt`
            or, without one, the field `"caption"`.

    Raises:
        ValueError: If there is no caption, or it is not text.
    """
    if keys is None and "txt" in sample:
        try:
            return clean_captions(sample["txt"].decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValueError(f".txt is not UTF-8: {error}") from error
    if "json" not in sample:
        files = (
            ".txt or .json"
            if keys is None
            else f"{' or '.join(map(repr, keys))} in a .json"
        )
        raise ValueError(f"no caption ({files})")
    try:
        fields = json.loads(sample["json"])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"malformed .json: {error}") from error
    keys = ["caption"] if keys is None else keys
    fields = fields if isinstance(fields, dict) else {}
    found = [fields[key] for key in keys if fields.get(key) is not None]
    if not found:
        names = " or ".join(map(repr, keys))
        raise ValueError(f"no caption: no field {names} in .json")
    return clean_captions(*found)


def clean_captions(*values: Any) -> list[str]:
    """The captions in values that are strings or lists of strings.

    Raises:
        ValueError: If there is no caption, or one is not valid Unicode.
    """
    several = [
        text
        for value in values
        for text in (value if isinstance(value, list) else [value])
    ]
    stripped = [text.strip() for text in several if isinstance(text, str)]
    if not any(stripped):
        shown = values[0] if len(values) == 1 else values
        raise ValueError(f"no caption in its file: {str(shown)[:80]!r}")
    try:
        "".join(stripped).encode()
    except UnicodeEncodeError as error:
        # Tokenizers reject unpaired surrogates.
        raise ValueError(f"invalid Unicode in a caption: {error}") from error
    return [text for text in stripped if text]
