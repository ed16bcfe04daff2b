"""Names of classes from a file."""

import json
import os
from collections import Counter
from pathlib import Path


def read_class_names(path: str | os.PathLike) -> list[str]:
    """The names of classes that a file lists, in the order of the labels.

    Args:
        path: A `.json` file with a list of names, or with a dict from the
            label, 0 to n - 1, to the name or to a list that ends in the name,
            like ImageNet's `imagenet_class_index.json`; or a text file in UTF-8
            with a name on each line. Blank lines at the end are left out.

    Returns:
        List of n strings.

    Raises:
        ValueError: If the file has another format, holds no name, an empty name
            or a name twice, or if a dict lacks a label.

    Example:

    ```python
    from pathlib import Path

    import keras_contrastive as kc

    Path("classes.txt").write_text("fire truck\\npolice car\\n")
    print(kc.evaluation.read_class_names("classes.txt"))
    ```
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == ".json":
        names = _of_json(path)
    else:
        names = path.read_text(encoding="utf-8-sig").rstrip().split("\n")
    names = [name.strip() for name in names]
    counts = Counter(names)
    unusable = [name for name in names if not name or counts[name] > 1]
    if unusable:
        raise ValueError(
            f"{path} must hold a name for each class, no two the same. "
            f"Received: {unusable[0]!r}, which is "
            + ("there twice" if unusable[0] else "empty")
        )
    return names


def _of_json(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
        if isinstance(found, dict):
            found = [found[str(label)] for label in range(len(found))]
        names = [
            entry[-1] if isinstance(entry, list) else entry for entry in found
        ]
        if not all(isinstance(name, str) for name in names) or not names:
            raise ValueError("no strings")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f"{path} must hold a list of names, or a dict from the labels "
            f"'0' to 'n - 1' to names. Received: {error}"
        ) from error
    return names
