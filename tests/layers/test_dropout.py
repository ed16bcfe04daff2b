import keras
import numpy as np
import pytest

import keras_contrastive as kc


def drawn(layer, shape=(64, 64)):
    x = np.ones(shape, "float32")
    return keras.ops.convert_to_numpy(layer(x, training=True))


def test_drops_a_share_and_keeps_the_expectation():
    x = drawn(kc.layers.Dropout(0.25, seed=0), (1000, 100))
    np.testing.assert_allclose(np.unique(x), [0, 1 / 0.75], rtol=1e-6)
    # Five standard errors of 100,000 draws.
    assert abs((x == 0).mean() - 0.25) < 5 * (0.25 * 0.75 / x.size) ** 0.5


def test_identity_at_inference_and_at_rate_zero():
    x = np.ones((4, 4), "float32")
    layer = kc.layers.Dropout(0.5)
    assert keras.ops.convert_to_numpy(layer(x)).min() == 1
    assert drawn(kc.layers.Dropout(0.0)).min() == 1


def test_draws_anew_and_again_by_seed():
    first, second = kc.layers.Dropout(0.5, seed=3), kc.layers.Dropout(0.5, 3)
    steps = [drawn(first) for _ in range(2)]
    assert (steps[0] != steps[1]).any()
    for step in steps:
        np.testing.assert_array_equal(step, drawn(second))


def test_a_loaded_model_goes_on_drawing(tmp_path):
    model = keras.Sequential([keras.Input((64,)), kc.layers.Dropout(0.5)])
    drawn(model)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(drawn(model), drawn(restored))


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rate_must_be_a_share(rate):
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\)"):
        kc.layers.Dropout(rate)
