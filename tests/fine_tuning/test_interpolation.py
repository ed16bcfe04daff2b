"""Weights between those before and after fine-tuning."""

import keras
import numpy as np
import pytest

from keras_contrastive.fine_tuning import interpolate_weights
from keras_contrastive.fine_tuning import interpolation_curve


@pytest.fixture
def model():
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=3),
        ]
    )


def test_is_linear_in_floats_and_keeps_the_ends_exactly(model, rng):
    pretrained = model.get_weights()
    tuned = [
        w + rng.random(w.shape).astype(w.dtype)
        if w.dtype.kind == "f"
        else w + 7
        for w in pretrained
    ]
    interpolate_weights(model, pretrained, tuned, 0.25)
    for between, before, after in zip(
        model.get_weights(), pretrained, tuned, strict=True
    ):
        if before.dtype.kind == "f":
            expected = 0.75 * before + 0.25 * after
            np.testing.assert_allclose(between, expected, rtol=1e-6)
        else:
            np.testing.assert_array_equal(between, after)
    for fraction, ends in ((0, pretrained), (1, tuned)):
        interpolate_weights(model, pretrained, tuned, fraction)
        for found, expected in zip(model.get_weights(), ends, strict=True):
            if expected.dtype.kind == "f":
                np.testing.assert_array_equal(found, expected)


def test_the_curve_ends_with_the_model_as_it_was(model):
    pretrained = model.get_weights()
    model.set_weights([weight + 1 for weight in pretrained])
    tuned = model.get_weights()

    def score():
        return {"gain": float(model.weights[1].numpy()[0])}

    curve = interpolation_curve(model, pretrained, score, (0, 0.5, 1))
    assert curve == [
        {"fraction": 0.0, "gain": 0.0},
        {"fraction": 0.5, "gain": 0.5},
        {"fraction": 1.0, "gain": 1.0},
    ]
    with pytest.raises(ZeroDivisionError):
        interpolation_curve(model, pretrained, lambda: 1 / 0)
    for one, other in zip(model.get_weights(), tuned, strict=True):
        np.testing.assert_array_equal(one, other)


def test_errors(model):
    weights = model.get_weights()
    with pytest.raises(ValueError, match="`fraction` must be in"):
        interpolate_weights(model, weights, weights, 1.5)
    with pytest.raises(ValueError, match="`pretrained`.*1 arrays"):
        interpolate_weights(model, weights[:1], weights)
    with pytest.raises(ValueError, match=r"`tuned`.*shape \(3, 1\)"):
        interpolate_weights(model, weights, [weights[0][:, :1], *weights[1:]])


@pytest.mark.one_backend
def test_a_normalization_uses_the_statistics_in_between():
    normalize = keras.layers.Normalization()
    model = keras.Sequential([keras.Input((1,)), normalize])
    weights = []
    for mean in (0.0, 4.0):
        normalize.adapt(np.array([[mean - 1], [mean + 1]], "float32"))
        weights.append(model.get_weights())
    interpolate_weights(model, *weights, 0.5)
    outputs = keras.ops.convert_to_numpy(model(np.array([[2.0]], "float32")))
    np.testing.assert_allclose(outputs, 0, atol=1e-6)
