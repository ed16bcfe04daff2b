import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views

WEIGHTS = 3.0, 5.0, 2.0


def test_value_and_gradient_are_the_papers():
    # Some dimensions with a deviation below 1, some above.
    z_a, z_b = (z * np.float32([0.3, 0.8, 1.2, 2]) for z in views(6, 4))
    rows = oracles.vicreg_rows(z_a, z_b, *WEIGHTS)
    losses = kc.losses.VICRegLoss(*WEIGHTS, reduction=None)(z_a, z_b)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(losses), rows, rtol=1e-5
    )
    loss = kc.losses.VICRegLoss(*WEIGHTS)
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    assert value == pytest.approx(rows.mean(), rel=1e-5)

    def mean(z_a, z_b):
        return oracles.vicreg_rows(z_a, z_b, *WEIGHTS).mean()

    numeric = (
        oracles.numeric_gradient(lambda a: mean(a, z_b), z_a),
        oracles.numeric_gradient(lambda b: mean(z_a, b), z_b),
    )
    for actual, reference in zip(gradients, numeric, strict=True):
        np.testing.assert_allclose(actual, reference, rtol=1e-4, atol=1e-5)


# The covariances of "huge" embeddings, squared, exceed float32.
@pytest.mark.parametrize("kind", [kind for kind in SPOILT if kind != "huge"])
def test_value_and_gradient_are_finite(kind):
    z_a, z_b = spoilt_views(6, 5, kind)
    loss = kc.losses.VICRegLoss()
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.one_backend
def test_rejects_bad_input():
    for name in ("invariance", "variance", "covariance"):
        with pytest.raises(ValueError, match=f"`{name}` must be a number"):
            kc.losses.VICRegLoss(**{name: -1})
    z_a, z_b = views(4, 8)
    loss = kc.losses.VICRegLoss()
    with pytest.raises(ValueError, match=r"z_b.shape=\(3, 8\)"):
        loss(z_a, z_b[:3])
    with pytest.raises(ValueError, match=r"at least 2.*z_a.shape=\(1, 8\)"):
        loss(z_a[:1], z_b[:1])
    with pytest.raises(
        ValueError, match="`sample_weight` must be None for VIC"
    ):
        loss(z_a, z_b, sample_weight=np.ones(4))
