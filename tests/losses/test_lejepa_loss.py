import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.losses.random_directions import random_directions
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views

ARGUMENTS = {
    "regularization_weight": 0.3,
    "num_slices": 6,
    "num_points": 5,
    "max_frequency": 2.0,
}
POINTS = np.linspace(-2, 2, 9)


@pytest.mark.parametrize("num_global_views", [None, 2])
def test_value_and_gradient_are_the_papers(num_global_views):
    z = [*views(5, 4), views(5, 4, seed=1)[0]]
    directions = random_directions(4, 6, step=3)
    directions = keras.ops.convert_to_numpy(directions)

    def rows(*views):
        return oracles.lejepa_rows(
            views, directions, 0.3, POINTS, num_global_views
        )

    arguments = {**ARGUMENTS, "num_global_views": num_global_views}
    losses = kc.losses.LeJEPALoss(**arguments, reduction=None)(*z, step=3)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(losses), rows(*z), rtol=1e-5
    )
    loss = kc.losses.LeJEPALoss(**arguments)
    value, gradients = value_and_gradients(lambda *z: loss(*z, step=3), *z)
    assert value == pytest.approx(rows(*z).mean(), rel=1e-5)
    for i, actual in enumerate(gradients):
        numeric = oracles.numeric_gradient(
            lambda x, i=i: rows(*z[:i], x, *z[i + 1 :]).mean(), z[i]
        )
        np.testing.assert_allclose(actual, numeric, rtol=1e-4, atol=1e-5)


def test_default_points_are_enough_and_the_default_slices_agree():
    """Beside the integral of many points, and between two steps."""
    z = views(64, 8)
    value = float(kc.losses.LeJEPALoss(1.0)(*z))
    exact = float(kc.losses.LeJEPALoss(1.0, num_points=200)(*z))
    assert value == pytest.approx(exact, rel=1e-2)
    other = float(kc.losses.LeJEPALoss(1.0)(*z, step=1))
    assert value != other
    assert value == pytest.approx(other, rel=0.1)


def test_regularizer_prefers_the_normal_distribution(rng):
    sigreg = kc.losses.LeJEPALoss(1.0, num_slices=64)
    z = rng.normal(size=(512, 4)).astype("float32")
    normal = float(sigreg(z, z))
    for other in (0 * z, 2 * z, z + 1, np.sign(z), z[:, :1] * np.ones(4)):
        assert float(sigreg(other, other)) > 2 * normal


@pytest.mark.one_case
@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("kind", SPOILT)
def test_value_and_gradient_are_finite(n, kind):
    z = spoilt_views(n, 5, kind)
    loss = kc.losses.LeJEPALoss(num_slices=8)
    value, gradients = value_and_gradients(lambda *z: loss(*z), *z)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.one_backend
def test_rejects_bad_input():
    for name, value, expected in [
        ("regularization_weight", 2, r"in \[0, 1\]"),
        ("num_slices", 0, "a positive integer"),
        ("num_points", 1, "an integer of at least 2"),
        ("max_frequency", 0, "a positive number"),
        ("num_global_views", 0, "a positive integer"),
    ]:
        with pytest.raises(ValueError, match=f"`{name}` must be {expected}"):
            kc.losses.LeJEPALoss(**{name: value})
    z_a, z_b = views(4, 8)
    loss = kc.losses.LeJEPALoss()
    with pytest.raises(ValueError, match=r"at least 2 tensors.*Received: 1"):
        loss(z_a)
    with pytest.raises(ValueError, match=r"at least 3 tensors.*Received: 2"):
        kc.losses.LeJEPALoss(num_global_views=3)(z_a, z_b)
    with pytest.raises(ValueError, match=r"views\[1\].shape=\(4, 7\)"):
        loss(z_a, z_b[:, :7])
    with pytest.raises(ValueError, match=r"views\[0\].shape=\(4, 2, 4\)"):
        loss(z_a.reshape(4, 2, 4), z_b)
    with pytest.raises(
        ValueError, match="`sample_weight` must be None for LeJ"
    ):
        loss(z_a, z_b, sample_weight=np.ones(4))
