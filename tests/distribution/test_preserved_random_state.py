"""Random numbers go on as if the work in between had not been."""

import keras
import numpy as np

from keras_contrastive.distribution.preserved_random_state import (
    preserved_random_state,
)


def test_numbers_after_it_are_those_without_it():
    keras.utils.set_random_seed(1)
    expected = keras.random.uniform((3,))
    keras.utils.set_random_seed(1)
    with preserved_random_state():
        if keras.backend.backend() == "torch":
            import torch

            torch.randperm(7)  # as a `DataLoader` does
    np.testing.assert_array_equal(keras.random.uniform((3,)), expected)
