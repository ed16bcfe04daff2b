"""`distribution/single_view.py`: what a batch must be divisible by."""

from types import SimpleNamespace

import keras
import pytest

from keras_contrastive import distribution

if keras.backend.backend() != "jax":
    pytest.skip("of the JAX backend", allow_module_level=True)

import jax


@pytest.mark.parametrize(
    "processes, divisor", [(1, 8), (2, 4), (8, 1), (16, 1)]
)
def test_batch_divisor(processes, divisor, monkeypatch):
    """A process brings its part of a batch, for its devices along one axis."""
    mesh = SimpleNamespace(axis_names=["model", "data"], shape=(2, 8))
    layout = SimpleNamespace(device_mesh=mesh, batch_dim_name="data")
    monkeypatch.setattr(keras.distribution, "distribution", lambda: layout)
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    assert distribution.batch_divisor() == divisor


@pytest.mark.parametrize("process", [0, 1])
def test_first_process(process, monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: process)
    assert distribution.is_first_process() is (process == 0)
