"""Runs the fenced Python examples of docs and docstrings."""

import re
import textwrap

_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


def code_blocks(text):
    return [textwrap.dedent(code) for _, code in _BLOCK.findall(text)]


def run_blocks(text, name):
    """Executes the blocks of a page in order, in one namespace."""
    namespace = {"__name__": name}
    for number, code in enumerate(code_blocks(text), start=1):
        exec(compile(code, f"{name}, block {number}", "exec"), namespace)
