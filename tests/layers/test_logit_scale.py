import keras
import numpy as np
import pytest

import keras_contrastive as kc


def test_starts_at_the_temperature():
    layer = kc.layers.LogitScale(0.07, initial_bias=-10.0)
    assert float(layer.log_scale) == pytest.approx(2.6593, abs=1e-4)
    assert float(layer.scale) == pytest.approx(1 / 0.07, rel=1e-6)
    logits = keras.ops.convert_to_numpy(layer(np.array([1.0, 0.0, -1.0])))
    np.testing.assert_allclose(
        logits, [1 / 0.07 - 10, -10, -1 / 0.07 - 10], rtol=1e-6
    )
    assert kc.layers.LogitScale().bias is None


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
def test_float32_whatever_the_policy(policy):
    keras.config.set_dtype_policy(policy)
    layer = kc.layers.LogitScale(0.011)
    logits = layer(np.ones((2, 2), "float16"))
    for tensor in (layer.log_scale, layer.scale, logits):
        assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
    assert float(layer.scale) == pytest.approx(1 / 0.011, rel=1e-6)


def test_is_clamped_after_the_step():
    """The gradient asks for more than the bound; inside, it is followed."""
    layer = kc.layers.LogitScale(1 / 90, max_scale=100.0)
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(1e-5), "mse", run_eagerly=True)
    x, y = np.ones((4, 1)), np.full((4, 1), 1e4)
    model.train_on_batch(x, y)
    assert float(layer.scale) == pytest.approx(100, rel=1e-5)
    model.train_on_batch(x, np.zeros((4, 1)))
    assert 50 < float(layer.scale) < 99


def test_only_clip_is_bounded():
    """SigLIP's published scales exceed 100."""
    assert kc.layers.LogitScale().max_scale == 100
    layer = kc.layers.LogitScale(0.1, initial_bias=-10.0)
    assert layer.max_scale is None and layer.log_scale.constraint is None
    assert float(kc.layers.LogitScale(1e-3, None).scale) == pytest.approx(1e3)
    bounded = kc.layers.LogitScale(0.1, 50.0, initial_bias=-10.0)
    for each in (layer, bounded):
        restored = kc.layers.LogitScale.from_config(each.get_config())
        assert restored.max_scale == each.max_scale


def test_rejects_bad_arguments():
    for name, value in (
        ("initial_temperature", 0),
        ("max_scale", 0),
        ("max_scale", "none"),
    ):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive"):
            kc.layers.LogitScale(**{name: value})
    with pytest.raises(ValueError, match="must be at least 1 / max_scale"):
        kc.layers.LogitScale(0.001)


def test_config_round_trip():
    layer = kc.layers.LogitScale(0.1, max_scale=50.0, initial_bias=-3.0)
    config = keras.layers.serialize(layer)
    assert config["registered_name"] == "keras_contrastive>LogitScale"
    restored = keras.layers.deserialize(config)
    assert restored.get_config() == layer.get_config()
    assert float(restored.bias) == -3
