"""`RandomSpectrogramMask`, SpecAugment's masks of time and of frequency."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.layers import RandomSpectrogramMask
from tests.models.helpers import to_numpy


def transform(layer, spectrograms, **transformation):
    convert = keras.ops.convert_to_tensor
    transformation = {name: convert(x) for name, x in transformation.items()}
    return to_numpy(
        layer.transform_signals(convert(spectrograms), transformation)
    )


@pytest.mark.parametrize("shape", [(2, 9, 7), (2, 9, 7, 3)])
def test_fills_the_masks_of_each_example(shape, rng):
    x = rng.normal(size=shape).astype("float32")
    found = transform(
        RandomSpectrogramMask(fill_value=7.0),
        x,
        time_start=np.array([[1, 4], [0, 0]]),
        time_size=np.array([[2, 3], [0, 0]]),
        frequency_start=np.array([[6], [2]]),
        frequency_size=np.array([[1], [3]]),
    )
    expected = x.copy()
    expected[0, 1:3] = expected[0, 4:7] = expected[0, :, 6] = 7.0
    expected[1, :, 2:5] = 7.0
    np.testing.assert_array_equal(found, expected)


def test_random_in_each_example_and_identity_in_inference(rng):
    x = rng.normal(size=(6, 40, 20)).astype("float32")
    x[:] = x[0]
    layer = RandomSpectrogramMask(seed=1)
    first, second = to_numpy(layer(x)), to_numpy(layer(x))
    assert not np.allclose(first, second)
    assert not np.allclose(first, first[:1])
    np.testing.assert_array_equal(to_numpy(layer(x, training=False)), x)
    # One spectrogram is a batch of one, and views differ.
    single = to_numpy(RandomSpectrogramMask(seed=3)(x[0]))
    batch = to_numpy(RandomSpectrogramMask(seed=3)(x[:1]))
    np.testing.assert_array_equal(single, batch[0])
    one, other = map(to_numpy, kc.layers.MultiView(layer)(x))
    assert one.shape == other.shape == x.shape and not np.allclose(one, other)


def test_masks_have_their_number_and_width():
    layer = RandomSpectrogramMask((0.1, 0.2), (0.25, 0.75), 1, 3, seed=0)
    drawn = layer.get_random_transformation(keras.ops.zeros((3000, 100, 40)))
    drawn = {name: to_numpy(x) for name, x in drawn.items()}
    assert drawn["time_size"].shape == (3000, 1)
    assert drawn["frequency_start"].shape == (3000, 3)
    for name, low, high, length in (
        ("time", 10, 20, 100),
        ("frequency", 10, 30, 40),
    ):
        start, size = drawn[f"{name}_start"], drawn[f"{name}_size"]
        assert low <= size.min() and size.max() <= high
        assert abs(size.mean() - (low + high) / 2) < 0.5
        assert start.min() >= 0 and (start + size).max() <= length
        assert abs((start + size / 2).mean() - length / 2) < 1
    nothing = RandomSpectrogramMask(num_time_masks=0, num_frequency_masks=0)
    x = np.ones((2, 5, 4), "float32")
    np.testing.assert_array_equal(to_numpy(nothing(x)), x)


def test_inside_tf_data_and_draws_first(rng):
    x = rng.normal(size=(6, 40, 20, 1)).astype("float32")
    layer = RandomSpectrogramMask(seed=2)
    drawn = layer.draw_transformation(x)
    found = to_numpy(layer.transform(keras.ops.convert_to_tensor(x), drawn))
    np.testing.assert_array_equal(
        found, to_numpy(RandomSpectrogramMask(seed=2)(x))
    )
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(4)
    shapes = [y.shape for y in dataset.map(RandomSpectrogramMask())]
    assert shapes == [(4, 40, 20, 1), (2, 40, 20, 1)]


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"time_scale": (0.5, 0.1)}, "time_scale"),
        ({"frequency_scale": (0, 2)}, "frequency_scale"),
        ({"num_time_masks": -1}, "num_time_masks"),
        ({"num_frequency_masks": 1.5}, "num_frequency_masks"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        RandomSpectrogramMask(**arguments)
    with pytest.raises(ValueError, match="expects spectrograms of shape"):
        RandomSpectrogramMask()(np.zeros(5))
