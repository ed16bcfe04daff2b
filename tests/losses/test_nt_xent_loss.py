import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import round_trip
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views

Z_A = np.array([[1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]], "float32")
Z_B = np.array([[6, 5, 4, 3], [5, 4, 3, 2], [4, 3, 2, 1]], "float32")


def per_example(z_a, z_b, temperature=0.5):
    loss = kc.losses.NTXentLoss(temperature, reduction=None)
    return keras.ops.convert_to_numpy(loss(z_a, z_b))


@pytest.mark.parametrize(
    "temperature, expected", [(0.5, 1.7833448), (0.1, 2.8630500)]
)
def test_golden_values(temperature, expected):
    loss = kc.losses.NTXentLoss(temperature)
    assert float(loss(Z_A, Z_B)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.one_case
@pytest.mark.parametrize("n", [2, 7, 64])
def test_equal_embeddings_give_log_of_the_candidates(n):
    z = np.ones((n, 8), "float32")
    loss = kc.losses.NTXentLoss(0.1)
    assert float(loss(z, z)) == pytest.approx(np.log(2 * n - 1), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 10.0])
@pytest.mark.parametrize("n, dim", [(2, 3), (5, 4), (17, 8)])
def test_value_is_the_papers(n, dim, temperature):
    z_a, z_b = views(n, dim)
    rows = oracles.nt_xent_rows(z_a, z_b, temperature)
    expected = (rows[:n] + rows[n:]) / 2
    np.testing.assert_allclose(
        per_example(z_a, z_b, temperature), expected, rtol=1e-5, atol=1e-5
    )
    loss = kc.losses.NTXentLoss(temperature)
    assert float(loss(z_a, z_b)) == pytest.approx(rows.mean(), rel=1e-5)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_gradient_is_the_papers(temperature):
    z_a, z_b = views(4, 3)
    loss = kc.losses.NTXentLoss(temperature)
    _, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    expected = [
        oracles.numeric_gradient(
            lambda a: oracles.nt_xent(a, z_b, temperature), z_a
        ),
        oracles.numeric_gradient(
            lambda b: oracles.nt_xent(z_a, b, temperature), z_b
        ),
    ]
    for actual, reference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, reference, rtol=1e-4, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    # Few shapes: JAX compiles each of them anew.
    n=st.sampled_from([1, 2, 7]),
    dim=st.sampled_from([1, 6]),
    seed=st.integers(0, 2**16),
    scale=st.floats(1e-3, 1e3),
)
def test_invariances(n, dim, seed, scale):
    z_a, z_b = views(n, dim, seed)
    losses = per_example(z_a, z_b)
    order = np.random.default_rng(seed).permutation(n)
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(
        per_example(z_a[order], z_b[order]), losses[order], **close
    )
    np.testing.assert_allclose(per_example(z_b, z_a), losses, **close)
    np.testing.assert_allclose(
        per_example(z_a * np.float32(scale), z_b), losses, **close
    )


@settings(max_examples=20, deadline=None)
@given(
    n=st.sampled_from([1, 5]),
    temperature=st.sampled_from([1e-3, 0.07, 1.0, 10.0]),
    kind=st.sampled_from(SPOILT),
)
def test_value_and_gradient_are_finite(n, temperature, kind):
    z_a, z_b = spoilt_views(n, 5, kind)
    loss = kc.losses.NTXentLoss(temperature)
    value, gradients = value_and_gradients(lambda a, b: loss(a, b), z_a, z_b)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


def test_single_pair_has_nothing_to_tell_apart():
    z_a, z_b = views(1, 4)
    assert float(kc.losses.NTXentLoss()(z_a, z_b)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_float32_inside_whatever_the_policy(policy):
    z_a, z_b = views(16, 8)
    expected = float(kc.losses.NTXentLoss(0.05)(z_a, z_b))
    keras.config.set_dtype_policy(policy)
    loss = kc.losses.NTXentLoss(0.05)(z_a, z_b)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_sample_weight_weighs_images():
    z_a, z_b = views(4, 8)
    losses = per_example(z_a, z_b)
    weights = np.array([0, 1, 2, 1], "float32")
    loss = kc.losses.NTXentLoss()(z_a, z_b, sample_weight=weights)
    assert float(loss) == pytest.approx((losses * weights).mean(), rel=1e-5)


@pytest.mark.parametrize("temperature", [0, -0.1, float("nan")])
def test_rejects_temperature(temperature):
    with pytest.raises(ValueError, match="`temperature` must be a positive"):
        kc.losses.NTXentLoss(temperature=temperature)


def test_rejects_embeddings_that_do_not_pair():
    z_a, z_b = views(4, 8)
    loss = kc.losses.NTXentLoss()
    with pytest.raises(ValueError, match=r"z_b.shape=\(4, 7\)"):
        loss(z_a, z_b[:, :7])
    with pytest.raises(ValueError, match=r"z_b.shape=\(3, 8\)"):
        loss(z_a, z_b[:3])
    with pytest.raises(ValueError, match=r"z_a.shape=\(4, 2, 4\)"):
        loss(z_a.reshape(4, 2, 4), z_b)


def test_config_round_trip():
    loss = kc.losses.NTXentLoss(temperature=0.2, gather=False)
    assert round_trip(loss).get_config() == loss.get_config()
