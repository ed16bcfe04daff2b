"""The examples run, at small size, and leave what they say they leave."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
CIFAR10 = ROOT.parent / "shared" / "data" / "tfds"


def run(example, *arguments):
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / example, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_quickstart(tmp_path):
    pytest.importorskip("matplotlib")
    out = run(
        "quickstart.py", "--images", 512, "--epochs", 1, "--output", tmp_path
    )
    table = [line for line in out.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in table] == [
        "features",
        "random init",
        "raw pixels",
        "SimCLR",
    ]
    for picture in ("views.png", "embeddings.png"):
        assert (tmp_path / picture).stat().st_size > 10_000


def test_augmented_classifier():
    out = run("augmented_classifier.py", "--images", 256, "--epochs", 1)
    assert out.count(": train ") == 2


@pytest.mark.skipif(
    not (CIFAR10 / "cifar10").is_dir(),
    reason="CIFAR-10 is not prepared in ../shared/data/tfds",
)
def test_simclr_cifar10(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    size = ("--images", 256, "--batch-size", 128, "--width", 8, "--epochs", 1)
    out = run(
        "simclr_cifar10.py", "--data-dir", CIFAR10, "--output", tmp_path, *size
    )
    assert "| SimCLR | " in out
    model = keras.models.load_model(tmp_path / "model.keras")
    images = np.zeros((2, 32, 32, 3), "uint8")
    assert model.predict(images, verbose=0).shape == (2, 64)
    assert (tmp_path / "history.csv").read_text().count("\n") == 2
    for made in ("results.md", "views.png", "embeddings.png"):
        assert (tmp_path / made).stat().st_size > 50
