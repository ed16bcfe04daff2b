import numpy as np
import pytest

import keras_contrastive as kc

WEIGHTS = np.array([0.0, 1.0, 2.0, 0.5])


def value(rng, weight):
    z_a, z_b = rng.normal(size=(2, 4, 3))
    return float(kc.losses.NTXentLoss()(z_a, z_b, sample_weight=weight))


@pytest.mark.one_case
@pytest.mark.parametrize(
    "weight",
    [WEIGHTS[:, None], WEIGHTS.tolist(), WEIGHTS.astype("float16")],
    ids=["column", "list", "float16"],
)
def test_one_number_per_example(weight):
    expected = value(np.random.default_rng(0), WEIGHTS)
    assert value(np.random.default_rng(0), weight) == pytest.approx(expected)


@pytest.mark.one_backend
@pytest.mark.parametrize("shape", [(4, 4), (4, 2), (1, 4), (3,), (4, 1, 1)])
def test_other_shapes_are_refused(shape, rng):
    """Keras would broadcast (4, 4) and return another number."""
    with pytest.raises(ValueError, match="`sample_weight` must be one number"):
        value(rng, np.ones(shape))


@pytest.mark.one_backend
def test_labels(rng):
    loss = kc.losses.SupConLoss()
    with pytest.raises(ValueError, match="`sample_weight` must be one number"):
        loss([0, 0, 1], rng.normal(size=(3, 2)), sample_weight=np.ones((3, 3)))
