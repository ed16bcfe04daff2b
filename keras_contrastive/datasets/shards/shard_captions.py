"""The captions of an example in a shard."""

import json


def read_captions(sample: dict[str, bytes], key: str | None) -> list[str]:
    """Reads the captions of an example, at least one.

    Args:
        sample: Dict from suffixes to the contents of files.
        key: Field of the `.json` that holds the captions; `None` for the `.txt`
            or, without one, the field `"caption"`.

    Raises:
        ValueError: If there is no caption, or it is not text.
    """
    if key is None and "txt" in sample:
        try:
            captions = sample["txt"].decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f".txt is not UTF-8: {error}") from error
    elif "json" in sample:
        try:
            fields = json.loads(sample["json"])
        except (ValueError, RecursionError) as error:
            raise ValueError(f"malformed .json: {error}") from error
        key = "caption" if key is None else key
        captions = fields.get(key) if isinstance(fields, dict) else None
        if captions is None:
            raise ValueError(f"no caption: no field {key!r} in .json")
    else:
        files = ".txt or .json" if key is None else f"{key!r} in a .json"
        raise ValueError(f"no caption ({files})")
    several = captions if isinstance(captions, list) else [captions]
    stripped = [text.strip() for text in several if isinstance(text, str)]
    if not any(stripped):
        raise ValueError(f"no caption in its file: {str(captions)[:80]!r}")
    try:
        "".join(stripped).encode()
    except UnicodeEncodeError as error:
        # Tokenizers reject unpaired surrogates.
        raise ValueError(f"no caption in Unicode: {error}") from error
    return [text for text in stripped if text]
