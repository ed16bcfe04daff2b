import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views


@pytest.mark.parametrize("sigma", [None, 0.5])
def test_value_and_gradient_are_the_papers(sigma):
    n = 5
    z_a, z_b = views(n, 4)
    rows = oracles.dcl_rows(z_a, z_b, 0.3, sigma)
    loss = kc.losses.DecoupledNTXentLoss(0.3, sigma, reduction=None)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(loss(z_a, z_b)),
        (rows[:n] + rows[n:]) / 2,
        rtol=1e-5,
        atol=1e-5,
    )
    loss = kc.losses.DecoupledNTXentLoss(0.3, sigma)
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    assert value == pytest.approx(rows.mean(), rel=1e-5)
    # The weights are constants.
    if sigma is None:
        expected = [
            oracles.numeric_gradient(
                lambda a: oracles.dcl_rows(a, z_b, 0.3).mean(), z_a
            ),
            oracles.numeric_gradient(
                lambda b: oracles.dcl_rows(z_a, b, 0.3).mean(), z_b
            ),
        ]
    else:
        expected = _gradients_for_constant_weights(z_a, z_b, 0.3, sigma)
    for actual, reference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, reference, rtol=1e-4, atol=1e-5)


def _gradients_for_constant_weights(z_a, z_b, temperature, sigma):
    a, b = (oracles.normalize(z.astype("float64")) for z in (z_a, z_b))
    factors = np.exp((a * b).sum(1) / sigma)
    weights = 2 - factors / factors.mean()

    def loss(z_a, z_b):
        a, b = oracles.normalize(z_a), oracles.normalize(z_b)
        positive = (a * b).sum(1) / temperature
        rows = oracles.dcl_rows(z_a, z_b, temperature).mean()
        return rows + ((1 - weights) * positive).mean()

    return [
        oracles.numeric_gradient(lambda a: loss(a, z_b), z_a),
        oracles.numeric_gradient(lambda b: loss(z_a, b), z_b),
    ]


@pytest.mark.parametrize("kind", SPOILT)
@pytest.mark.parametrize("sigma", [None, 1e-3])
def test_value_and_gradient_are_finite(kind, sigma):
    z_a, z_b = spoilt_views(5, 5, kind)
    loss = kc.losses.DecoupledNTXentLoss(1e-3, sigma)
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


def test_an_image_alone_has_no_negatives():
    z_a, z_b = views(1, 4)
    loss = kc.losses.DecoupledNTXentLoss()
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    assert value == 0
    assert not any(g.any() for g in gradients)


@pytest.mark.one_backend
def test_rejects_bad_input():
    for name in ("temperature", "weight_sigma"):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive"):
            kc.losses.DecoupledNTXentLoss(**{name: 0})
    z_a, z_b = views(4, 8)
    with pytest.raises(ValueError, match=r"z_b.shape=\(3, 8\)"):
        kc.losses.DecoupledNTXentLoss()(z_a, z_b[:3])
