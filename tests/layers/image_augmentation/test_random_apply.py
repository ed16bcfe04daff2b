import keras
import numpy as np
import pytest

from keras_contrastive.layers import RandomApply
from keras_contrastive.layers import RandomFlip
from keras_contrastive.layers import RandomResizedCrop
from keras_contrastive.layers import RandomSolarize
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw
from tests.layers.image_augmentation.helpers import to_numpy


def test_keeps_the_layer_where_drawn(rng):
    images = rng.random((3, 4, 5, 3), dtype="float32")
    invert = keras.layers.Rescaling(scale=-1.0, offset=1.0)
    actual = apply(
        RandomApply(invert, 0.5), images, apply=np.array([True, False, True])
    )
    np.testing.assert_allclose(actual[[0, 2]], 1 - images[[0, 2]], atol=1e-6)
    np.testing.assert_array_equal(actual[1], images[1])


def test_probability():
    layer = RandomApply(keras.layers.Rescaling(2.0), 0.3, seed=0)
    assert abs(draw(layer, 4000)["apply"].mean() - 0.3) < 0.03


def test_layer_is_applied_in_training_only(rng):
    images = rng.random((4, 6, 6, 3), dtype="float32")
    layer = RandomApply(RandomFlip(1.0), 1.0)
    np.testing.assert_array_equal(to_numpy(layer(images)), images[:, :, ::-1])
    np.testing.assert_array_equal(
        to_numpy(layer(images, training=False)), images
    )


def test_takes_the_value_range_of_the_layer():
    inner = RandomSolarize(0.5, 1.0, value_range=(0, 255))
    layer = RandomApply(inner, 1.0)
    assert layer.value_range == (0, 255)
    images = np.full((1, 2, 2, 3), 200, "uint8")
    np.testing.assert_allclose(to_numpy(layer(images)), 55)


def test_round_trip():
    layer = RandomApply(RandomFlip(1.0, seed=1), 0.3, seed=2)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert copy.probability == 0.3 and copy.seed == 2
    assert copy.layer.get_config() == layer.layer.get_config()


def test_bad_arguments():
    with pytest.raises(ValueError, match="`layer`.*Received"):
        RandomApply("flip", 0.5)
    with pytest.raises(ValueError, match="`probability`.*Received"):
        RandomApply(RandomFlip(), 5)
    with pytest.raises(ValueError, match="must keep the shape"):
        RandomApply(RandomResizedCrop(4, 4), 0.5)(np.zeros((2, 8, 8, 3)))
