"""What `TrainingStatistics` accumulates, value by value."""

import contextlib

import keras
import numpy as np
import pytest

from keras_contrastive import distribution
from keras_contrastive.trainer import training_statistics
from keras_contrastive.trainer.training_statistics import Finding
from keras_contrastive.trainer.training_statistics import TrainingStatistics

NONE, FIRST, TWO = (np.array(bad) for bad in ([0, 0, 0], [0, 1, 0], [1, 1]))


def test_describes_the_first_bad_batch():
    statistics = TrainingStatistics()
    statistics.record("inputs", NONE, -1.0, 9.0)
    assert statistics.summary()["findings"] == {}
    statistics.record("inputs", FIRST, -2.0, 8.0, expected=(0, 1))
    statistics.record("inputs", TWO, -3.0, 7.0, expected=(0, 1))
    statistics.record("loss", FIRST)
    assert statistics.summary()["findings"] == {
        "inputs": Finding(3, 8, 2, 3, 1, 1, -2.0, 8.0, (0, 1)),
        "loss": Finding(1, 3, 1, 1, 0, 1, 0.0, 0.0, None),
    }
    assert statistics.result() == {}


def test_the_first_bad_batch_may_have_extremes_of_zero():
    statistics = TrainingStatistics()
    statistics.record("inputs", FIRST, 0.0, 0.0)
    statistics.record("inputs", TWO, -3.0, 7.0)
    found = statistics.summary()["findings"]["inputs"]
    assert (found.low, found.high, found.place) == (0.0, 0.0, 1)


def test_sums_that_a_strategy_split_and_rounded():
    statistics = TrainingStatistics()
    statistics.record("inputs", TWO, -2.0, 8.0)
    for variable in statistics.variables:
        variable.assign(0.4 * variable)
    found = statistics.summary()["findings"]["inputs"]
    assert found.place == 0
    np.testing.assert_allclose([found.low, found.high], [-0.8, 3.2])


def test_the_sums_of_one_process(monkeypatch):
    statistics = TrainingStatistics()
    names = [variable.name for variable in statistics.variables]
    assert statistics.name == "training_statistics"
    assert names[:3] == ["batches", "examples", "spread"]
    summed = []

    @contextlib.contextmanager
    def sums_over_replicas(variables):
        summed.append(len(variables))
        yield

    monkeypatch.setattr(distribution, "sums_over_replicas", sums_over_replicas)
    statistics.summary()
    statistics.summary(of_process=True)
    assert summed == [len(names), 0]


def test_sums_of_replicas():
    # The second replica, after two good batches, and one without bad batches.
    statistics = TrainingStatistics()
    others = TrainingStatistics(), TrainingStatistics()
    statistics.record("inputs", FIRST, -2.0, 8.0)
    for bad in (NONE, NONE, TWO):
        others[0].record("inputs", bad, -4.0, 6.0)
    others[1].record("inputs", NONE)
    for other in others:
        for own, more in zip(
            statistics.variables, other.variables, strict=True
        ):
            own.assign(own + more)
    assert statistics.summary()["findings"] == {
        "inputs": Finding(5, 14, 2, 3, 1, None, -3.0, 7.0, None)
    }


def test_parts_of_the_data():
    statistics = TrainingStatistics()
    statistics.add_parts(["left", "right"])
    for kind in training_statistics.KINDS:
        statistics.record(kind, NONE)
    kind = training_statistics.kind_of_part("tokens", "right")
    statistics.record(kind, FIRST, 3.0, 4.0)
    assert statistics.summary()["findings"] == {
        kind: Finding(1, 3, 1, 1, 0, 1, 3.0, 4.0, None)
    }
    assert training_statistics.split_kind(kind) == ("tokens", "right")
    kind = training_statistics.kind_of_part("tokens", None)
    assert training_statistics.split_kind(kind) == ("tokens", None)


def test_spread(rng):
    z = rng.normal(size=(2, 6, 9)).astype("float32")
    same = np.ones((5, 4), "float32")
    statistics = TrainingStatistics()
    assert np.isnan(statistics.summary()["spread"])
    statistics.update_embeddings(*z)
    statistics.update_embeddings(same * np.nan, same)
    found = statistics.summary()
    units = z / np.linalg.norm(z, axis=-1, keepdims=True)
    spreads = [3 * unit.std(axis=0).mean() for unit in units]
    assert (found["batches"], found["examples"]) == (2, 11)
    np.testing.assert_allclose(found["spread"], sum(spreads) / 3, rtol=1e-5)


def test_counts_beyond_float16():
    keras.config.set_floatx("float16")
    try:
        statistics = TrainingStatistics()
        for _ in range(3):
            statistics.record("inputs", np.ones(1001))
            statistics.update_embeddings(np.eye(1001, 2, dtype="float16"))
    finally:
        keras.config.set_floatx("float32")
    found = statistics.summary()
    assert found["examples"] == 3003
    assert found["findings"]["inputs"].bad_examples == 3003


def test_set_aside():
    statistics = TrainingStatistics()
    statistics.record("inputs", FIRST)
    before = statistics.summary()["findings"]
    with pytest.raises(KeyError), statistics.set_aside():
        assert statistics.summary()["findings"] == {}
        statistics.record("inputs", TWO)
        raise KeyError
    assert statistics.summary()["findings"] == before


def test_a_single_batch():
    assert Finding.of_batch(None) is None
    assert Finding.of_batch(NONE.astype(bool)) is None
    found = Finding.of_batch(np.array([False, False, True, True]), 1, 2, "a")
    assert found == Finding(1, 4, 1, 2, 0, 2, 1.0, 2.0, "a")
    assert Finding.of_batch(FIRST.astype(bool)) == Finding(
        1, 3, 1, 1, 0, 1, 0.0, 0.0, None
    )
