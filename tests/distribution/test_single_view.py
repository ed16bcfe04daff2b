"""`distribution/single_view.py`, with processes that are not there."""

from types import SimpleNamespace

import keras
import pytest

from keras_contrastive import distribution
from keras_contrastive.distribution import single_view

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


@pytest.mark.parametrize("processes", [1, 2])
def test_outputs_are_whole_in_each_of_several_processes(processes, monkeypatch):
    layout = keras.distribution.DataParallel(devices=["cpu:0"])
    monkeypatch.setattr(keras.distribution, "distribution", lambda: layout)
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    asked = []
    monkeypatch.setattr(
        jax.lax,
        "with_sharding_constraint",
        lambda x, sharding: asked.append(sharding) or x,
    )
    outputs = {"loss": jax.numpy.ones(2)}
    assert single_view.whole(outputs) is outputs
    assert [s.is_fully_replicated for s in asked] == [True] * (processes - 1)


def test_outputs_are_left_alone_without_a_distribution(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    outputs = {"loss": jax.numpy.ones(2)}
    assert single_view.whole(outputs) is outputs
