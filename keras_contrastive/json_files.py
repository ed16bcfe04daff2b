"""Files of settings, of other libraries."""

import json
from pathlib import Path


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
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
