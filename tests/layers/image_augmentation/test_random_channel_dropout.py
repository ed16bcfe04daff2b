import keras
import numpy as np
import pytest

from keras_contrastive.layers import RandomChannelDropout
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw
from tests.layers.image_augmentation.helpers import to_numpy


@pytest.mark.parametrize("high", [1, 255])
def test_fills_the_dropped_channels(high, rng):
    images = high * rng.random((3, 4, 5, 4), dtype="float32")
    dropped = np.zeros((3, 4), bool)
    dropped[0, 2] = dropped[2, [0, 1, 3]] = True
    layer = RandomChannelDropout(0.5, fill_value=0.25, value_range=(0, high))
    actual = apply(layer, images, dropped=dropped)
    expected = images.copy()
    expected[0, ..., 2] = 0.25 * high
    expected[2, ..., [0, 1, 3]] = 0.25 * high
    np.testing.assert_array_equal(actual, expected)


def test_rate_and_probability():
    layer = RandomChannelDropout(0.3, probability=0.5, seed=0)
    dropped = draw(layer, 4000, channels=12)["dropped"]
    chosen = dropped.any(axis=1)
    # 12 channels are all kept with probability 0.7^12 = 0.014.
    assert abs(chosen.mean() - 0.5 * (1 - 0.7**12)) < 0.03
    np.testing.assert_allclose(dropped.mean(axis=0), 0.15, atol=0.025)
    # Channels are dropped independently, given that any are.
    pairs = np.corrcoef(dropped[chosen].T) - np.eye(12)
    assert np.abs(pairs).max() < 0.1


@pytest.mark.parametrize("channels", [2, 3])
def test_never_drops_all_channels(channels):
    layer = RandomChannelDropout(0.95, seed=0)
    dropped = draw(layer, 2000, channels=channels)["dropped"]
    kept = (~dropped).sum(axis=1)
    assert kept.min() == 1
    assert (kept == 1).mean() > 0.8
    # The one that is kept is any of them.
    only = (~dropped)[kept == 1].mean(axis=0)
    np.testing.assert_allclose(only, 1 / channels, atol=0.05)


def test_single_channel_is_refused():
    layer = RandomChannelDropout(0.5)
    for images in (np.zeros((2, 8, 8, 1)), keras.Input((8, 8, 1))):
        with pytest.raises(ValueError, match="two channels or more.*Received"):
            layer(images)


def test_channel_of_an_image_is_dropped_or_not():
    images = np.ones((8, 4, 4, 6), "uint8") * 255
    outputs = to_numpy(RandomChannelDropout(0.5, seed=0)(images))
    assert set(np.unique(outputs)) == {0.0, 1.0}
    np.testing.assert_array_equal(outputs, outputs[:, :1, :1] + 0 * outputs)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"rate": 1.0}, "rate"),
        ({"rate": 0.5, "fill_value": 128}, "fill_value"),
        ({"rate": 0.5, "probability": -1}, "probability"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        RandomChannelDropout(**arguments)
