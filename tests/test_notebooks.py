"""The notebooks run, at small size, and are committed with their outputs."""

import keras
import pytest

from tests.test_examples import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.one_backend
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
FULL, SMALL = "num_images, epochs = 4096, 8", "num_images, epochs = 256, 1"


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="the slowest to compile: the other backends run the same cells",
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(pictures_of(cells)) >= 2
    # No logs of backends, which Jupyter shows in pink.
    streams = {out.get("name") for cell in cells for out in cell.outputs}
    assert "stderr" not in streams
    assert sum(FULL in cell.source for cell in cells) == 1
    for cell in cells:
        cell.source = cell.source.replace(FULL, SMALL)
    resources = {"metadata": {"path": tmp_path}}
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=resources
    ).execute()
    assert len(pictures_of(cells)) >= 2


def pictures_of(cells):
    return [
        output
        for cell in cells
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
