import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.replicas import Replicas

to_numpy = keras.ops.convert_to_numpy


def test_moving_average(rng):
    batches = rng.normal(size=(3, 4, 2, 5)).astype("float32")
    center = kc.layers.Center(5, momentum=0.75)
    expected = np.zeros(5)
    for batch in batches:
        np.testing.assert_allclose(
            to_numpy(center(batch)), batch - expected, atol=1e-6
        )
        center.update(batch)
        expected = 0.75 * expected + 0.25 * batch.mean(axis=(0, 1))
        np.testing.assert_allclose(to_numpy(center.value), expected, atol=1e-6)


def test_a_step_of_several_parts_has_the_momentum_of_one(rng):
    center = kc.layers.Center(5, momentum=0.81)
    batch = rng.normal(size=(4, 5)).astype("float32")
    for expected in (0.1, 0.19):
        center.update(batch, parts=2)
        np.testing.assert_allclose(
            to_numpy(center.value), expected * batch.mean(axis=0), rtol=1e-5
        )
    assert not center.trainable_weights


def test_the_mean_is_that_of_all_replicas(monkeypatch, rng):
    parts = rng.normal(size=(2, 4, 5)).astype("float32")
    replicas = Replicas(2)
    monkeypatch.setattr(
        kc.distribution,
        "mean_over_replicas",
        lambda x: sum(replicas.exchange(x)) / 2,
    )
    centers = [kc.layers.Center(5, momentum=0.5) for _ in parts]
    replicas.run(lambda rank: centers[rank].update(parts[rank]))
    for center in centers:
        np.testing.assert_allclose(
            to_numpy(center.value), 0.5 * parts.mean(axis=(0, 1)), atol=1e-6
        )


def test_is_float32_and_is_saved(tmp_path):
    center = kc.layers.Center(3, dtype="float16")
    center.update(np.full((2, 3), 1e-3, "float16"))
    # Float16 would round each step.
    np.testing.assert_allclose(to_numpy(center.value), 1e-4, rtol=1e-3)
    x = keras.ops.ones((2, 3), "float16")
    assert keras.backend.standardize_dtype(center(x).dtype) == "float16"
    model = keras.Sequential([keras.Input((3,)), center])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").layers[0]
    np.testing.assert_array_equal(to_numpy(again.value), to_numpy(center.value))


def test_bad_arguments():
    with pytest.raises(ValueError, match="`momentum`.*Received"):
        kc.layers.Center(4, momentum=2)
    with pytest.raises(ValueError, match="`dim`.*Received"):
        kc.layers.Center(0)
    with pytest.raises(ValueError, match=r"`outputs`.*\(2, 3\)"):
        kc.layers.Center(4).update(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"`outputs`.*\(2, 1\)"):
        kc.layers.Center(4)(np.ones((2, 1)))
