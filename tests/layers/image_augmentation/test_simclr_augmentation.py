import keras
import numpy as np
import pytest

from keras_contrastive.layers import simclr_augmentation
from tests.layers.image_augmentation.helpers import to_numpy


def names(pipeline):
    return [type(layer).__name__ for layer in pipeline.layers]


def test_cifar10():
    pipeline = simclr_augmentation("cifar10", 32, 32)
    assert isinstance(pipeline, keras.layers.Pipeline)
    assert names(pipeline) == [
        "RandomResizedCrop",
        "RandomFlip",
        "RandomColorJitter",
        "RandomGrayscale",
    ]
    crop, flip, jitter, gray = pipeline.layers
    assert crop.scale == (0.08, 1.0) and crop.ratio == (3 / 4, 4 / 3)
    assert flip.probability == 0.5
    assert jitter.probability == 0.8 and gray.probability == 0.2
    for factors in (jitter.brightness, jitter.contrast, jitter.saturation):
        np.testing.assert_allclose(factors, (0.6, 1.4))
    np.testing.assert_allclose(jitter.hue, (-0.1, 0.1))


@pytest.mark.parametrize("side, kernel", [(224, 23), (96, 9), (32, 3), (8, 1)])
def test_imagenet(side, kernel):
    pipeline = simclr_augmentation("imagenet", side, side)
    *_, jitter, gray, blur = pipeline.layers
    np.testing.assert_allclose(jitter.brightness, (0.2, 1.8))
    np.testing.assert_allclose(jitter.hue, (-0.2, 0.2))
    assert blur.kernel_size == (kernel, kernel)
    assert blur.sigma == (0.1, 2.0) and blur.probability == 0.5


def test_strength_overrides_the_preset():
    jitter = simclr_augmentation("imagenet", 32, 32, strength=0.25).layers[2]
    np.testing.assert_allclose(jitter.contrast, (0.8, 1.2))
    np.testing.assert_allclose(jitter.hue, (-0.05, 0.05))


def test_seed(rng):
    images = rng.random((6, 16, 14, 3))

    def run(seed):
        return to_numpy(
            simclr_augmentation("cifar10", 16, 14, seed=seed)(images)
        )

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.allclose(run(1), run(2))
    assert not np.allclose(run(None), run(None))
    pipeline = simclr_augmentation("imagenet", 16, 14, seed=1)
    assert len({layer.seed for layer in pipeline.layers}) == 5


@pytest.mark.parametrize("value_range", [(0, 1), (0, 255)])
def test_value_range(value_range, rng):
    images = rng.integers(0, 256, (6, 16, 14, 3)).astype("uint8")
    pipeline = simclr_augmentation("imagenet", 16, 14, value_range=value_range)
    views = to_numpy(pipeline(images))
    assert views.shape == (6, 16, 14, 3)
    assert 0 <= views.min() and 0.5 < views.max() / value_range[1] <= 1
    resized = to_numpy(pipeline(images, training=False)) / value_range[1]
    np.testing.assert_allclose(resized.mean(), images.mean() / 255, atol=0.01)


def test_round_trip(rng, tmp_path):
    images = rng.random((6, 16, 14, 3))
    inputs = keras.Input((16, 14, 3))
    outputs = simclr_augmentation("imagenet", 16, 14)(inputs)
    model = keras.Model(inputs, outputs)
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        to_numpy(restored(images, training=True)),
        to_numpy(model(images, training=True)),
    )


def test_bad_arguments():
    with pytest.raises(ValueError, match="`preset`.*Received"):
        simclr_augmentation("mnist", 32, 32)
    with pytest.raises(ValueError, match="`seed`.*Received"):
        simclr_augmentation("cifar10", 32, 32, seed=-1)
    with pytest.raises(ValueError, match="value_range"):
        simclr_augmentation("cifar10", 32, 32, value_range=(-1, 1))
