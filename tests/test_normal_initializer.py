import keras
import numpy as np
import pytest

from keras_contrastive.normal_initializer import NormalInitializer


def draw(initializer, shape=(3, 3, 64, 128), **kwargs):
    return keras.ops.convert_to_numpy(initializer(shape, **kwargs))


def test_standard_deviation_of_kernels():
    """He's: of kernels of height x width x input x filters."""
    weights = draw(NormalInitializer(seed=0))
    assert weights.dtype == "float32"
    assert weights.std() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.01)
    assert abs(weights.mean()) < 4 * weights.std() / weights.size**0.5
    assert np.abs(weights).max() > 4 * weights.std()


def test_truncation():
    weights = draw(NormalInitializer(0.02, truncated=True, seed=0))
    assert np.abs(weights).max() <= 0.04
    # Of a standard normal distribution between -2 and 2.
    assert weights.std() == pytest.approx(0.02 * 0.87963, rel=0.01)


def test_equal_on_every_backend():
    weights = draw(NormalInitializer(1.0, seed=7), (2, 2))
    np.testing.assert_allclose(
        weights, np.random.default_rng(7).standard_normal((2, 2), "float32")
    )


def test_dtype():
    weights = NormalInitializer(1.0)((2, 2), dtype="bfloat16")
    assert keras.backend.standardize_dtype(weights.dtype) == "bfloat16"


def test_seeds():
    initializer = NormalInitializer(1.0)
    np.testing.assert_array_equal(draw(initializer), draw(initializer))
    assert np.any(draw(initializer) != draw(initializer.clone()))
    keras.utils.set_random_seed(1)
    first = draw(NormalInitializer(1.0))
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(first, draw(NormalInitializer(1.0)))


def test_config():
    initializer = NormalInitializer(0.5, truncated=True, seed=3)
    restored = keras.initializers.deserialize(
        keras.initializers.serialize(initializer)
    )
    np.testing.assert_array_equal(draw(initializer), draw(restored))
