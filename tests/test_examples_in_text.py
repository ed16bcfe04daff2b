"""Every Python block of the README, the docs and the docstrings runs."""

import inspect
from pathlib import Path

import pytest

import keras_contrastive as kc
from tests.code_blocks import code_blocks
from tests.code_blocks import run_blocks

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def public_objects():
    packages = [getattr(kc, name) for name in kc.__all__]
    for package in filter(inspect.ismodule, packages):
        for name in package.__all__:
            yield f"{package.__name__}.{name}", getattr(package, name)


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page):
    run_blocks(page.read_text(), page.name)


EXAMPLES = [
    pytest.param(object_, id=name)
    for name, object_ in public_objects()
    if code_blocks(inspect.getdoc(object_) or "")
]


@pytest.mark.parametrize("object_", EXAMPLES)
def test_docstring(object_):
    run_blocks(inspect.getdoc(object_), object_.__name__)


def test_every_public_object_is_documented():
    undocumented = [
        name
        for name, object_ in public_objects()
        if not inspect.getdoc(object_)
    ]
    assert not undocumented


def test_every_public_class_has_an_example():
    exceptions = {"Shapes", "Solids", "Sounds", "Waveforms"}
    missing = [
        name
        for name, object_ in public_objects()
        if inspect.isclass(object_)
        and object_.__name__ not in exceptions
        and not code_blocks(object_.__doc__)
    ]
    assert not missing
