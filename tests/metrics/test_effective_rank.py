import numpy as np
import pytest

from keras_contrastive.evaluation import effective_rank
from keras_contrastive.metrics import EffectiveRank


def rank_me(z):
    """RankMe in float64, from the singular values themselves."""
    s = np.linalg.svd(z.astype("float64"), compute_uv=False)
    p = s / s.sum()
    return np.exp(-sum(q * np.log(q) for q in p if q > 1e-12))


def metric_value(z_a, z_b):
    metric = EffectiveRank()
    metric.update_state(z_a, z_b)
    return float(metric.result())


def test_equals_oracle(rng):
    # Directions of very different length.
    z = rng.standard_normal((200, 16)) * np.logspace(0, -2, 16)
    z_a, z_b = z[:100], z[100:]
    expected = rank_me(z)
    np.testing.assert_allclose(metric_value(z_a, z_b), expected, rtol=1e-4)
    np.testing.assert_allclose(effective_rank(z), expected, rtol=1e-5)


@pytest.mark.parametrize("rank", [1, 3])
def test_low_rank_embeddings_in_a_wide_space(rank, rng):
    """Rounding noise of the empty dimensions must not add up."""
    z = rng.standard_normal((100, rank)) @ rng.standard_normal((rank, 64))
    np.testing.assert_allclose(metric_value(z, z), rank_me(z), rtol=1e-3)
    np.testing.assert_allclose(effective_rank(z), rank_me(z), rtol=1e-3)


def test_axis_aligned_embeddings_use_all_dimensions():
    z = np.repeat(np.eye(8), 3, axis=0)
    np.testing.assert_allclose(metric_value(z, z), 8.0, rtol=1e-5)
    np.testing.assert_allclose(effective_rank(z), 8.0, rtol=1e-5)


def test_unused_dimensions_do_not_count():
    z = np.pad(np.eye(3), ((0, 3), (0, 2)))
    np.testing.assert_allclose(effective_rank(z), 3.0, rtol=1e-6)


def test_zero_embeddings_have_rank_zero():
    z = np.zeros((5, 4))
    assert metric_value(z, z) == 0.0
    assert effective_rank(z) == 0.0


def test_nan_embeddings_give_nan():
    z = np.full((5, 4), np.nan)
    assert np.isnan(metric_value(z, z))


def test_width_must_not_change():
    metric = EffectiveRank(dim=4)
    with pytest.raises(ValueError, match="width 4"):
        metric.update_state(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("features", [np.ones(3), np.full((2, 2), np.nan)])
def test_bad_features_are_refused(features):
    with pytest.raises(ValueError, match="`features`"):
        effective_rank(features)
