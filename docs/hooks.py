"""What the site is made of beside the pages: `mkdocs.yml` names this module."""

import contextlib
import inspect
import re
import tempfile
from pathlib import Path

from mkdocs.structure.files import File

import keras_contrastive as kc
from tests.code_blocks import run_blocks

ROOT = Path(__file__).parents[1]
# Pages whose code leaves the pictures that they show.
ILLUSTRATED = ("gallery.md", "pictures.md")
# Those pictures, which a Git host does not have, as the pages hold them.
PICTURE = re.compile(r"<!-- (!\[.*?\]\(pictures/.*?\)) -->")
# A link of a page to a file of the repository beside docs/.
OUTSIDE = re.compile(r"\]\(\.\./([^)#]+)")


def on_files(files, config):
    for name, content in api_pages():
        files.append(File.generated(config, f"api/{name}.md", content=content))
    for path in linked_files():
        files.append(File.generated(config, path, abs_src_path=ROOT / path))
    for name, content in pictures():
        files.append(
            File.generated(config, f"pictures/{name}", content=content)
        )
    return files


def on_page_markdown(markdown, page, config, files):
    return OUTSIDE.sub(r"](\1", PICTURE.sub(r"\1", markdown))


def api_pages():
    """A page for each subpackage, of its public names."""
    packages = [n for n in kc.__all__ if inspect.ismodule(getattr(kc, n))]
    yield (
        "keras_contrastive",
        "# keras_contrastive\n\nModels such as `SimCLRModel` are those of "
        "[models](models.md). The subpackages:\n\n"
        + "".join(
            f"- [{name}]({name}.md): {getattr(kc, name).__doc__}\n"
            for name in packages
        ),
    )
    for name in packages:
        names = getattr(kc, name).__all__
        entries = "\n\n".join(entry(name, each) for each in names)
        doc = inspect.getdoc(getattr(kc, name))
        yield name, f"# keras_contrastive.{name}\n\n{doc}\n\n{entries}\n"


def entry(package, name):
    """An object's docstring, under the name by which it is imported."""
    heading = f"keras_contrastive.{package}.{name}"
    return (
        f"::: {home(package, name)}\n"
        f"    options:\n      heading: {heading}\n      toc_label: {name}"
    )


def home(package, name):
    """Where an object is defined, as far as its module says so."""
    object_ = getattr(getattr(kc, package), name)
    module = getattr(object_, "__module__", None)
    if module is None or not hasattr(object_, "__name__"):
        return f"keras_contrastive.{package}.{name}"
    return f"{module}.{object_.__name__}"


def linked_files():
    pages = (page.read_text() for page in (ROOT / "docs").glob("*.md"))
    linked = {path for page in pages for path in OUTSIDE.findall(page)}
    # And the pictures of pages among them.
    beside = (ROOT / "benchmarks" / "results").glob("*.png")
    return sorted(linked | {str(path.relative_to(ROOT)) for path in beside})


def pictures():
    """Runs the illustrated pages in an empty folder."""
    for page in ILLUSTRATED:
        text = (ROOT / "docs" / page).read_text()
        with tempfile.TemporaryDirectory() as folder:
            with contextlib.chdir(folder):
                run_blocks(text, page)
            for path in sorted((Path(folder) / "pictures").iterdir()):
                yield path.name, path.read_bytes()
