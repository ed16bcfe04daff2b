"""Files of settings, of other libraries."""

import json
from pathlib import Path


def read_json(path: Path) -> dict | None:
    """The content of a `.json` file, or `None` if there is no such file."""
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(content: dict, path: Path) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
