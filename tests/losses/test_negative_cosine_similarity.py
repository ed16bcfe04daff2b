import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views


def test_value_and_gradient_are_the_papers():
    p, t = views(5, 4)
    loss = kc.losses.NegativeCosineSimilarity(reduction=None)
    expected = oracles.negative_cosine_rows(p, t)
    actual = keras.ops.convert_to_numpy(loss(p, t))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    loss = kc.losses.NegativeCosineSimilarity()
    value, (by_p, by_t) = value_and_gradients(lambda a, b: loss(a, b), p, t)
    assert value == pytest.approx(expected.mean(), rel=1e-5)
    reference = oracles.numeric_gradient(
        lambda x: oracles.negative_cosine_rows(x, t).mean(), p
    )
    np.testing.assert_allclose(by_p, reference, rtol=1e-4, atol=1e-6)
    # TensorFlow returns None for a gradient that does not exist.
    assert by_t is None or not np.any(by_t)


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("kind", SPOILT)
def test_value_and_gradient_are_finite(n, kind):
    p, t = spoilt_views(n, 5, kind)
    loss = kc.losses.NegativeCosineSimilarity()
    value, (by_p, _) = value_and_gradients(lambda a, b: loss(a, b), p, t)
    assert np.isfinite(value) and np.isfinite(by_p).all()


def test_sample_weight_weighs_examples():
    p, t = views(4, 8)
    weights = np.array([0, 1, 2, 1], "float32")
    loss = kc.losses.NegativeCosineSimilarity()(p, t, sample_weight=weights)
    rows = oracles.negative_cosine_rows(p, t)
    assert float(loss) == pytest.approx((rows * weights).mean(), rel=1e-5)


@pytest.mark.one_backend
def test_rejects_embeddings_that_do_not_pair():
    p, t = views(4, 8)
    with pytest.raises(ValueError, match=r"targets.shape=\(4, 7\)"):
        kc.losses.NegativeCosineSimilarity()(p, t[:, :7])
