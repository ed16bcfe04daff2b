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


def test_bad_arguments():
    with pytest.raises(ValueError, match="`momentum`.*Received"):
        kc.layers.Center(4, momentum=2)
    with pytest.raises(ValueError, match="`dim`.*Received"):
        kc.layers.Center(0)
    with pytest.raises(ValueError, match=r"`outputs`.*\(2, 3\)"):
        kc.layers.Center(4).update(np.ones((2, 3)))
