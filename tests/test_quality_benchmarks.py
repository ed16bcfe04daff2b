"""The side-by-side benchmarks run, at toy size."""

import subprocess
import sys

import keras
import pytest

from benchmarks import peers
from tests.test_examples import CIFAR10
from tests.test_examples import ROOT

pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow",
        reason="one backend is enough: the benchmarks start processes",
    ),
    pytest.mark.skipif(
        not (CIFAR10 / "cifar10").is_dir(),
        reason="CIFAR-10 is not prepared in ../shared/data/tfds",
    ),
]
needs_peers = pytest.mark.skipif(
    not (peers.FOLDER / "complete").exists(),
    reason="the peers are not installed: benchmarks/peers.py",
)


@needs_peers
def test_simclr_beside_lightly(tmp_path):
    size = "--images 64 --test-images 32 --epochs 2 --width 4 --batch-size 32"
    command = [
        *(sys.executable, ROOT / "benchmarks/quality/simclr.py"),
        *("--data-dir", CIFAR10, "--seeds", "0", *size.split()),
        *("--output", tmp_path / "runs", "--results", tmp_path),
    ]
    subprocess.run(command, check=True)
    table = (tmp_path / "quality_simclr.md").read_text()
    assert "| keras_contrastive, tensorflow | " in table
    assert "| lightly | " in table
    assert len(list(tmp_path.glob("runs/*/result.json"))) == 2
    assert (tmp_path / "quality_simclr.png").stat().st_size > 10_000


@pytest.mark.slow
@needs_peers
def test_methods_beside_lightly(tmp_path):
    # Width 4 crashes in oneDNN's backward pass on PyTorch 2.13.
    size = "--images 64 --test-images 32 --epochs 2 --width 8 --batch-size 32"
    command = [
        *(sys.executable, ROOT / "benchmarks/quality/methods.py"),
        *("--methods", "moco,dino", "--data-dir", CIFAR10, "--seeds", "0"),
        *(*size.split(), "--output", tmp_path / "runs"),
        *("--results", tmp_path),
    ]
    subprocess.run(command, check=True)
    table = (tmp_path / "quality_methods.md").read_text()
    assert "kNN, keras_contrastive, torch | kNN, lightly |" in table
    assert "\n| moco | " in table
    assert "\n| dino | " in table
    assert len(list(tmp_path.glob("runs/*/result.json"))) == 4


@pytest.mark.slow
def test_programs_beside_keras_io(tmp_path):
    example = tmp_path / "clone" / "examples" / "vision" / "barlow_twins.py"
    example.parent.mkdir(parents=True)
    example.write_text(
        '"""\nTitle\n"""\n\n# A comment\ndef f(\n    x\n):  # and code\n'
        '    """One\n\n    more."""\n    return """a\nb"""\n'
    )
    command = [
        *(sys.executable, ROOT / "benchmarks/quality/keras_io.py"),
        *("--data-dir", CIFAR10, "--keras-io", tmp_path / "clone"),
        *"--images 128 --test-images 32 --epochs 1".split(),
        *("--only", "barlow_twins", "--results", tmp_path),
    ]
    subprocess.run(command, check=True)
    table = (tmp_path / "quality_keras_io.md").read_text()
    assert "\n| barlow_twins | 5 | 17 | 128 | " in table
