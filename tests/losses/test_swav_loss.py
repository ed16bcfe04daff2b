import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import round_trip
from tests.replicas import Replicas


def scores_of(n, views, k, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, views, k)).astype("float32")


def codes_of(scores, count, epsilon=0.05, iterations=3):
    codes = [
        oracles.swav_codes(scores[:, t], epsilon, iterations)
        for t in range(count)
    ]
    return np.stack(codes, axis=1)


@pytest.mark.one_case
@pytest.mark.parametrize(
    "n, views, k, count, epsilon, iterations",
    [(5, 2, 4, 2, 0.05, 3), (7, 5, 3, 2, 0.5, 1), (3, 2, 6, 1, 0.05, 2)],
)
def test_value_and_gradient_are_the_papers(
    n, views, k, count, epsilon, iterations
):
    scores = scores_of(n, views, k)
    codes = codes_of(scores, count, epsilon, iterations)
    expected = oracles.swav_rows(codes, scores, 0.1)
    settings = {"epsilon": epsilon, "iterations": iterations}
    loss = kc.losses.SwAVLoss(**settings, reduction=None)
    actual = keras.ops.convert_to_numpy(loss(scores[:, :count], scores))
    np.testing.assert_allclose(actual, expected, rtol=1e-4)
    # One tensor for both arguments: a code is a constant.
    loss = kc.losses.SwAVLoss(**settings)
    value, (gradient,) = value_and_gradients(
        lambda s: loss(s[:, :count], s), scores
    )
    assert value == pytest.approx(expected.mean(), rel=1e-4)
    expected = oracles.numeric_gradient(
        lambda s: oracles.swav_rows(codes, s, 0.1).mean(), scores
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


def with_queue(loss, scores, queue, **kwargs):
    losses = loss(scores[:, :2], scores, queue_scores=queue, **kwargs)
    return keras.ops.convert_to_numpy(losses)


@pytest.mark.one_case
def test_a_queue_is_assigned_together_with_the_batch():
    scores, queue = scores_of(4, 3, 5), scores_of(9, 2, 5, seed=1)
    codes = codes_of(np.concatenate([scores[:, :2], queue]), 2)[:4]
    expected = oracles.swav_rows(codes, scores, 0.1)
    loss = kc.losses.SwAVLoss(reduction=None)
    np.testing.assert_allclose(
        with_queue(loss, scores, queue), expected, rtol=1e-4
    )
    np.testing.assert_allclose(
        with_queue(loss, scores, queue, queue_is_used=np.array(False)),
        keras.ops.convert_to_numpy(loss(scores[:, :2], scores)),
        rtol=1e-6,
    )
    with pytest.raises(ValueError, match="`queue_scores` must have.*2, 5"):
        with_queue(loss, scores, queue[:, :1])


@pytest.mark.parametrize("scale", [0.0, 1e3])
@pytest.mark.parametrize("n", [1, 4])
def test_finite_for_all_scores(n, scale):
    scores = np.float32(scale) * scores_of(n, 2, 3)
    loss = kc.losses.SwAVLoss()
    value, (gradient,) = value_and_gradients(lambda s: loss(s, s), scores)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    if scale == 0:
        assert value == pytest.approx(np.log(3), rel=1e-6)


@pytest.mark.one_case
@pytest.mark.parametrize("gather", [True, False])
@pytest.mark.parametrize("queue", [None, scores_of(5, 2, 4, seed=1)])
def test_codes_are_those_of_the_global_batch(queue, gather, monkeypatch):
    scores = scores_of(12, 3, 4)
    loss = kc.losses.SwAVLoss(gather=gather, reduction=None)

    def losses_of(rows):
        if queue is not None:
            return with_queue(loss, scores[rows], queue)
        losses = loss(scores[rows, :2], scores[rows])
        return keras.ops.convert_to_numpy(losses)

    parts = [slice(0, 6), slice(6, 12)]
    expected = np.concatenate([losses_of(rows) for rows in parts])
    if gather:
        expected = losses_of(slice(None))
    replicas = Replicas(2)
    monkeypatch.setattr(
        kc.distribution,
        "all_gather",
        lambda x: keras.ops.concatenate(replicas.exchange(x)),
    )
    actual = replicas.run(lambda rank: losses_of(parts[rank]))
    np.testing.assert_allclose(np.concatenate(actual), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "targets, scores, message",
    [
        ((4, 3), (4, 2, 3), "`targets` must have the shape.*stack"),
        ((4, 2, 3), (5, 2, 3), "same batch"),
        ((4, 2, 3), (4, 2, 5), "same batch and dim"),
        ((4, 2, 3), (4, 1, 3), "`scores` must hold all views"),
        ((4, 1, 3), (4, 1, 3), "at least 2"),
    ],
)
def test_rejects_scores_that_do_not_pair(targets, scores, message):
    with pytest.raises(ValueError, match=f"{message}.*Received"):
        kc.losses.SwAVLoss()(np.ones(targets), np.ones(scores))


@pytest.mark.parametrize("name", ["temperature", "epsilon", "iterations"])
def test_rejects_arguments(name):
    with pytest.raises(ValueError, match=f"`{name}` must be.*Received"):
        kc.losses.SwAVLoss(**{name: 0})


def test_config_round_trip():
    loss = kc.losses.SwAVLoss(0.2, 0.1, 5, gather=False)
    assert round_trip(loss).get_config() == loss.get_config()
