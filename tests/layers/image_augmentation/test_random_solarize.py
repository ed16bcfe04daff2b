import numpy as np
import pytest

from keras_contrastive.layers import RandomSolarize
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw


@pytest.mark.parametrize("high", [1, 255])
def test_inverts_bright_values(high):
    images = high * np.array([0.0, 0.25, 0.5, 0.75, 1.0], "float32")
    images = np.tile(images[None, None, :, None], (2, 1, 1, 3))
    layer = RandomSolarize(0.5, 0.5, value_range=(0, high))
    actual = apply(layer, images, apply=np.array([True, False]))
    expected = high * np.array([0.0, 0.25, 0.5, 0.25, 0.0])
    np.testing.assert_allclose(actual[0, 0, :, 0], expected)
    np.testing.assert_array_equal(actual[1], images[1])


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_threshold(threshold, rng):
    images = rng.random((1, 5, 5, 3), dtype="float32")
    layer = RandomSolarize(threshold, 1.0)
    actual = apply(layer, images, apply=np.array([True]))
    expected = np.where(images >= threshold, 1 - images, images)
    np.testing.assert_allclose(actual, expected, atol=1e-7)


def test_probability():
    chosen = draw(RandomSolarize(0.5, 0.2, seed=0), 4000)["apply"]
    assert abs(chosen.mean() - 0.2) < 0.03


@pytest.mark.parametrize(
    "arguments, name",
    [((1.5, 0.5), "threshold"), ((0.5, -1), "probability")],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        RandomSolarize(*arguments)
