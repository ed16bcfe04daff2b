import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import to_numpy


def batch(start, n):
    return np.arange(start, start + 2 * n).reshape(n, 2).astype("float32")


def test_first_in_first_out():
    queue = kc.layers.FeatureQueue(5, 2, seed=0)
    start = to_numpy(queue.features)
    np.testing.assert_allclose(
        np.linalg.norm(start, axis=1), np.ones(5), rtol=1e-6
    )
    first, second = batch(0, 3), batch(10, 2)
    queue.enqueue(first)
    np.testing.assert_array_equal(
        to_numpy(queue.features), np.concatenate([first, start[:2]])
    )
    queue.enqueue(second)
    np.testing.assert_array_equal(
        to_numpy(queue.features), np.concatenate([second, first])
    )
    # A batch larger than the queue fills it.
    queue.enqueue(batch(20, 7))
    np.testing.assert_array_equal(to_numpy(queue.features), batch(20, 7)[:5])


def test_holds_the_features_of_all_replicas(monkeypatch):
    monkeypatch.setattr(
        kc.distribution,
        "all_gather",
        lambda x: keras.ops.concatenate([x, 10 * x]),
    )
    queue = kc.layers.FeatureQueue(4, 2)
    queue.enqueue(batch(1, 2))
    np.testing.assert_array_equal(
        to_numpy(queue.features),
        np.concatenate([batch(1, 2), 10 * batch(1, 2)]),
    )


def test_first_features_are_those_of_the_seed():
    first, same, other = (
        to_numpy(kc.layers.FeatureQueue(4, 2, seed=seed).features)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, same)
    keras.config.set_floatx("float16")
    try:
        same = to_numpy(kc.layers.FeatureQueue(4, 2, seed=3).features)
    finally:
        keras.config.set_floatx("float32")
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_a_call_returns_what_was_there():
    queue = kc.layers.FeatureQueue(4, 2)
    before = to_numpy(queue.features)
    np.testing.assert_array_equal(to_numpy(queue(batch(0, 2))), before)
    np.testing.assert_array_equal(to_numpy(queue.features)[:2], batch(0, 2))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float16"])
def test_is_float32_under_every_policy(policy):
    queue = kc.layers.FeatureQueue(4, 2, dtype=policy)
    queue.enqueue(keras.ops.cast(batch(0, 2), "float16"))
    for features in (queue.features, queue(batch(0, 2))):
        dtype = keras.backend.standardize_dtype(features.dtype)
        assert dtype == "float32"
    assert not queue.trainable_variables


def test_files_hold_the_features(tmp_path):
    queue = kc.layers.FeatureQueue(4, 2, seed=5)
    queue.enqueue(batch(0, 2))
    model = keras.Sequential([keras.Input((2,)), queue])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    copy = again.layers[0]
    np.testing.assert_array_equal(
        to_numpy(copy.features), to_numpy(queue.features)
    )
    assert (copy.size, copy.dim, copy.seed) == (4, 2, 5)


def test_says_what_is_wrong():
    for arguments in ({"size": 0, "dim": 2}, {"size": 2, "dim": 1.5}):
        with pytest.raises(ValueError, match="must be a positive integer"):
            kc.layers.FeatureQueue(**arguments)
    queue = kc.layers.FeatureQueue(4, 2)
    for features in (np.ones((3, 5)), np.ones(2)):
        with pytest.raises(ValueError, match=r"shape \(batch, 2\)"):
            queue.enqueue(features)
