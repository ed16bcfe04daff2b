"""Training on many devices is training on one, on the same global batches.

Losses and metrics of ten steps of each method, the weights afterwards,
`evaluate` and `predict`, each strategy in processes of its own. The gate runs
SimCLR and CLIP, and on PyTorch MoCo, which has a teacher and a queue.
"""

import keras
import numpy as np
import pytest

from tests.distribution.launch import SETUPS
from tests.distribution.launch import differences
from tests.distribution.launch import train

BACKEND = keras.backend.backend()

METHODS = ["simclr", "clip"] + ["moco"] * (BACKEND == "torch")


def tolerance(name):
    """SwAV's sharp distribution, of temperature 0.05, multiplies rounding."""
    return 5e-5 if name.startswith("swav/") else 1e-5


@pytest.fixture(scope="module")
def on_one_device(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    return train(BACKEND, folder, None, "--methods", *METHODS)


def test_the_run_trains(on_one_device):
    loss = on_one_device["clip/log/loss"]
    assert loss[-1] < loss[0] - 1
    scale = on_one_device["clip/log/logit_scale"]
    assert abs(scale[-1] - scale[0]) > 0.1
    # Half the captions of a batch are of an image that another one is of.
    assert on_one_device["simclr/log/loss"].std() > 0.01


# More of the same in one process, more processes than cores, and workers of
# TensorFlow, which take a minute a method.
SLOW = {
    "MultiWorkerMirroredStrategy, 2 workers",
    "MirroredStrategy, 4 replicas",
    "DataParallel, 2 processes x 2 devices",
    "ModelParallel, 4 x 2 devices",
    "torchrun, 4 processes",
}


CASES = [
    pytest.param(setup, METHODS, marks=[pytest.mark.slow] * (setup in SLOW))
    for setup in SETUPS[BACKEND]
]


@pytest.mark.parametrize("setup, methods", CASES)
def test_many_equal_one(setup, methods, on_one_device, tmp_path):
    results = train(BACKEND, tmp_path, setup, "--methods", *methods)
    expected = {
        name: value
        for name, value in on_one_device.items()
        if name.split("/")[0] in methods
    }
    for name, value in differences(expected, results, BACKEND, setup).items():
        assert value <= tolerance(name), name


@pytest.mark.slow
def test_other_methods(tmp_path):
    methods = ["--methods", "slip", "distilled_clip", "dual", "byol", "nnclr"]
    methods += ["moco", "swav", "dino"]
    setup = next(iter(SETUPS[BACKEND]))
    one = train(BACKEND, tmp_path, None, *methods)
    many = train(BACKEND, tmp_path, setup, *methods)
    for name, value in differences(one, many, BACKEND, setup).items():
        assert value <= tolerance(name), name


@pytest.mark.slow
def test_microbatches(tmp_path):
    """Of every replica's part, and with batch statistics."""
    setup = next(iter(SETUPS[BACKEND]))
    one = train(BACKEND, tmp_path, None, "--microbatches=2")
    many = train(BACKEND, tmp_path, setup, "--microbatches=2")
    for name, value in differences(one, many, BACKEND, setup).items():
        assert value <= tolerance(name), name


@pytest.mark.slow
def test_mixed_precision(on_one_device, tmp_path):
    """Bfloat16 has 8 bits: runs differ by their rounding, not by more."""
    setup = next(iter(SETUPS[BACKEND]))
    results = train(
        BACKEND,
        tmp_path,
        setup,
        *("--methods", *METHODS),
        "--dtype=mixed_bfloat16",
    )
    for method in ("simclr", "clip"):
        np.testing.assert_allclose(
            results[f"{method}/log/loss"],
            on_one_device[f"{method}/log/loss"],
            rtol=0.05,
        )
