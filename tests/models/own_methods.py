"""The methods of docs/adding_a_method.md, as they stand on the page."""

from pathlib import Path

from tests.code_blocks import code_blocks

_PAGE = Path(__file__).parents[2] / "docs" / "adding_a_method.md"
_NAMES = {"__name__": "adding_a_method"}
_MOCO, _BYOL, _ = code_blocks(_PAGE.read_text())
for _code in (_MOCO, _BYOL):
    exec(compile(_code, str(_PAGE), "exec"), _NAMES)

MoCoModel = _NAMES["MoCoModel"]
BYOLModel = _NAMES["BYOLModel"]
