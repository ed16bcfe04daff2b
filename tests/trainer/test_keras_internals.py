"""Private names of Keras are in one module."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "keras_contrastive"
# Attributes with a leading underscore of anything but `self` and `cls`.
_PRIVATE = re.compile(r"(?<![\w.])(?!self\b|cls\b)[\w\]\)]+\._(?!_)[a-z]\w*")
# Names of this package and of Python that have such attributes.
_OURS = {"_asdict", "_fields", "_replace", "_version", "_jit_compile_argument"}


@pytest.mark.one_backend
def test_no_other_module_reaches_into_keras():
    found = []
    for path in PACKAGE.rglob("*.py"):
        if path.name == "keras_internals.py":
            continue
        text = path.read_text()
        assert "keras.src" not in re.sub(r"#.*", "", text), path
        for match in _PRIVATE.findall(text.replace("super()", "self")):
            if match.split(".")[-1] not in _OURS:
                found.append(f"{path.relative_to(PACKAGE)}: {match}")
    assert not found
