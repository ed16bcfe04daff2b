"""Links of the pages that are read on GitHub lead somewhere."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
# What only the site shows: docs/hooks.py.
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links(page):
    for link in LINK.findall(COMMENT.sub("", page.read_text())):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_examples_of_the_readme_are_short():
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert len(blocks) == 2
    assert all(block.strip().count("\n") < 15 for block in blocks)


def test_adding_a_method_takes_less_than_80_lines():
    page = (ROOT / "docs" / "adding_a_method.md").read_text()
    *methods, _ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(methods) == 2
    assert all(method.count("\n") < 80 for method in methods)


def test_programs_beside_keras_io_are_short():
    page = (ROOT / "docs" / "keras_io.md").read_text()
    _, *programs = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(programs) == 6
    assert all(program.count("\n") <= 20 for program in programs)
