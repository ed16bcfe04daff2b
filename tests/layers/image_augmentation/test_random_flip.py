import numpy as np
import pytest

from keras_contrastive.layers import RandomFlip
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw


def test_mirrors_left_to_right(rng):
    images = rng.random((3, 4, 5, 3), dtype="float32")
    actual = apply(RandomFlip(), images, apply=np.array([True, False, True]))
    np.testing.assert_array_equal(actual[0], images[0, :, ::-1])
    np.testing.assert_array_equal(actual[1], images[1])
    np.testing.assert_array_equal(actual[2], images[2, :, ::-1])


@pytest.mark.parametrize("probability", [0.0, 0.3, 0.5, 1.0])
def test_probability(probability):
    flipped = draw(RandomFlip(probability, seed=0), 4000)["apply"]
    assert abs(flipped.mean() - probability) < 0.03
    if 0 < probability < 1:
        neighbors = np.corrcoef(flipped[:-1], flipped[1:])[0, 1]
        assert abs(neighbors) < 0.06
    else:
        assert flipped.mean() == probability


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_bad_arguments(probability):
    with pytest.raises(ValueError, match="`probability`.*Received"):
        RandomFlip(probability)
