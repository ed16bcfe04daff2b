import numpy as np
import pytest

from keras_contrastive.layers import RandomGrayscale
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw


def test_takes_the_color_out(rng):
    images = rng.random((2, 4, 5, 3), dtype="float32")
    actual = apply(RandomGrayscale(0.5), images, apply=np.array([True, False]))
    gray = images[0] @ np.array([0.299, 0.587, 0.114])
    for channel in range(3):
        np.testing.assert_allclose(actual[0, ..., channel], gray, atol=1e-6)
    np.testing.assert_array_equal(actual[1], images[1])


@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
def test_probability(probability):
    chosen = draw(RandomGrayscale(probability, seed=0), 4000)["apply"]
    assert abs(chosen.mean() - probability) < 0.03


def test_bad_arguments():
    with pytest.raises(ValueError, match="`probability`.*Received"):
        RandomGrayscale(2)
