import keras
import numpy as np
import pytest

import keras_contrastive as kc


def trained(optimizer, path=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, name="tower"),
            keras.layers.Dense(2, name="projection"),
        ]
    )
    before = [np.array(w) for w in model.get_weights()]
    model.compile(optimizer, "mse")
    data = np.random.default_rng(0).normal(size=(2, 8, 3)).astype("float32")
    fit = {"batch_size": 8, "verbose": 0}
    model.fit(data[0], data[1, :, :2], **fit)
    if path is not None:
        model.save(path)
        model = keras.models.load_model(path)
    model.fit(data[0], data[1, :, :2], **fit)
    return before, model.get_weights()


def test_first_step_is_as_long_as_the_rate():
    """Adam's first step is the learning rate, whatever the gradient."""
    variables = [
        keras.Variable(np.zeros(3, "float32"), name=name)
        for name in ("tower", "projection", "log_scale")
    ]
    optimizer = kc.optimizers.MultiRateAdamW(
        1e-3, multipliers={"projection": 10.0, "pro|log": 0.5}, weight_decay=0.0
    )
    optimizer.build(variables)
    gradients = [keras.ops.convert_to_tensor([1.0, -2.0, 5.0])] * 3
    optimizer.apply(gradients, variables)
    for variable, rate in zip(variables, (1e-3, 1e-2, 5e-4), strict=True):
        np.testing.assert_allclose(
            np.abs(keras.ops.convert_to_numpy(variable)), rate, rtol=1e-4
        )


def test_is_adamw_without_multipliers_and_returns_from_a_file(tmp_path):
    _, expected = trained(keras.optimizers.AdamW(1e-2))
    _, actual = trained(kc.optimizers.MultiRateAdamW(1e-2))
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    several = {"multipliers": {"projection": 5.0}}
    before, expected = trained(kc.optimizers.MultiRateAdamW(1e-3, **several))
    _, actual = trained(
        kc.optimizers.MultiRateAdamW(1e-3, **several), tmp_path / "m.keras"
    )
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    moved = [
        np.abs(new - old).max() for old, new in zip(before, actual, strict=True)
    ]
    assert min(moved[2:]) > 2 * max(moved[:2])


def test_rejects():
    with pytest.raises(
        ValueError, match="multipliers.*must be a positive number"
    ):
        kc.optimizers.MultiRateAdamW(multipliers={"tower": 0.0})
    with pytest.raises(ValueError, match="`multipliers` must be a regular"):
        kc.optimizers.MultiRateAdamW(multipliers={"(": 1.0})
    optimizer = kc.optimizers.MultiRateAdamW(multipliers={"towr": 0.1})
    with pytest.raises(ValueError, match="found in the path.*'towr'"):
        optimizer.build([keras.Variable(0.0, name="tower")])
