import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views


def test_value_and_gradient_are_the_papers():
    z_a, z_b = views(6, 4)
    loss = kc.losses.BarlowTwinsLoss(0.2)
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    expected = oracles.barlow_twins(z_a, z_b, 0.2)
    assert value == pytest.approx(expected, rel=1e-5)
    numeric = (
        oracles.numeric_gradient(
            lambda a: oracles.barlow_twins(a, z_b, 0.2), z_a
        ),
        oracles.numeric_gradient(
            lambda b: oracles.barlow_twins(z_a, b, 0.2), z_b
        ),
    )
    for actual, reference in zip(gradients, numeric, strict=True):
        np.testing.assert_allclose(actual, reference, rtol=1e-4, atol=1e-5)


def test_scale_and_shift_do_not_matter():
    """Where a mean of squares minus a square of means would lose digits."""
    z_a, z_b = views(16, 4)
    loss = kc.losses.BarlowTwinsLoss()
    expected = float(loss(z_a, z_b))
    assert float(loss(100 * z_a, 7 * z_b + 1000)) == pytest.approx(
        expected, rel=1e-3
    )


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("kind", SPOILT)
def test_value_and_gradient_are_finite(n, kind):
    z_a, z_b = spoilt_views(n, 5, kind)
    loss = kc.losses.BarlowTwinsLoss()
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)
    if n == 1:
        assert value == 5
        assert not any(g.any() for g in gradients)


@pytest.mark.one_backend
def test_every_image_has_the_loss_of_the_batch():
    z_a, z_b = views(4, 8)
    losses = kc.losses.BarlowTwinsLoss(reduction=None)(z_a, z_b)
    expected = float(kc.losses.BarlowTwinsLoss()(z_a, z_b))
    np.testing.assert_allclose(losses, [expected] * 4, rtol=1e-6)


@pytest.mark.one_backend
def test_rejects_bad_input():
    with pytest.raises(ValueError, match="`offdiagonal_weight` must be"):
        kc.losses.BarlowTwinsLoss(-1)
    z_a, z_b = views(4, 8)
    loss = kc.losses.BarlowTwinsLoss()
    with pytest.raises(ValueError, match=r"z_b.shape=\(4, 7\)"):
        loss(z_a, z_b[:, :7])
    with pytest.raises(
        ValueError, match="`sample_weight` must be None for Bar"
    ):
        loss(z_a, z_b, sample_weight=np.ones(4))
