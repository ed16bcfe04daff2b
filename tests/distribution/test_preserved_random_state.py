"""Random numbers go on as if the work in between had not been."""

import keras
import numpy as np

from keras_contrastive.distribution.preserved_random_state import (
    preserved_random_state,
)


def draw():
    """From the backend's global generator, as a `DataLoader` does."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.randperm(100).numpy()
    return keras.random.uniform((3,))


def test_numbers_after_it_are_those_without_it():
    keras.utils.set_random_seed(1)
    expected = draw()
    keras.utils.set_random_seed(1)
    with preserved_random_state():
        if keras.backend.backend() == "torch":
            draw()  # only there does `predict` draw
    np.testing.assert_array_equal(draw(), expected)
