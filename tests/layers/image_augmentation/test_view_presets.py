"""BYOL's, DINO's and SwAV's augmentations: what each layer is set to."""

import numpy as np
import pytest

from keras_contrastive import layers
from tests.layers.image_augmentation.helpers import to_numpy

PRESETS = {
    "byol": layers.byol_augmentation,
    "dino": layers.dino_augmentation,
    "swav": layers.swav_augmentation,
}


def settings(pipeline):
    """Area, strength, and probabilities of blur and solarization."""
    crop, flip, jitter, gray, *rest = pipeline.layers
    assert flip.probability == 0.5
    assert jitter.probability == 0.8 and gray.probability == 0.2
    strength = [
        round(x[1] - 1, 3)
        for x in (jitter.brightness, jitter.contrast, jitter.saturation)
    ]
    chances = {type(layer).__name__: layer.probability for layer in rest}
    blur = chances.pop("RandomGaussianBlur", 0)
    solarize = chances.pop("RandomSolarize", 0)
    assert not chances
    return crop.scale, (*strength, round(jitter.hue[1], 3)), blur, solarize


BYOL = (0.4, 0.4, 0.2, 0.1)


@pytest.mark.one_backend
def test_imagenet_is_the_papers():
    byol = layers.byol_augmentation("imagenet", 224, 224)
    assert [settings(a) for a in byol.augmenters] == [
        ((0.08, 1), BYOL, 1.0, 0),
        ((0.08, 1), BYOL, 0.1, 0.2),
    ]
    dino = layers.dino_augmentation("imagenet", 224, 224)
    assert [settings(a) for a in dino.augmenters] == [
        ((0.4, 1), BYOL, 1.0, 0),
        ((0.4, 1), BYOL, 0.1, 0.2),
        ((0.05, 0.4), BYOL, 0.5, 0),
    ]
    swav = layers.swav_augmentation("imagenet", 224, 224)
    jitter = (0.8, 0.8, 0.8, 0.2)
    assert [settings(a) for a in swav.augmenters] == [
        ((0.14, 1), jitter, 0.5, 0),
        ((0.05, 0.14), jitter, 0.5, 0),
    ]
    assert (dino.num_views, swav.num_views) == (10, 8)
    for crops in (dino, swav):
        local = crops.augmenters[-1].layers[0]
        assert (local.height, local.width) == (96, 96)
        blur = crops.augmenters[0].layers[4]
        assert blur.kernel_size == (23, 23)


@pytest.mark.one_backend
@pytest.mark.parametrize("name", PRESETS)
def test_cifar10_has_no_blur(name):
    views = PRESETS[name]("cifar10", 32, 32, strength=0.5)
    found = [settings(a) for a in views.augmenters]
    assert {blur for _, _, blur, _ in found} == {0}
    first = 0.4 if name == "swav" else 0.2
    assert {jitter[0] for _, jitter, _, _ in found} == {first}


@pytest.mark.one_case
@pytest.mark.parametrize("name", PRESETS)
def test_seed_and_value_range(name, rng):
    images = rng.integers(0, 256, (2, 16, 14, 3)).astype("uint8")

    def run(seed):
        augmentation = PRESETS[name](
            "imagenet", 12, 10, value_range=(0, 255), seed=seed
        )
        return [to_numpy(view) for view in augmentation(images)]

    first, again, other = run(1), run(1), run(2)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.allclose(a, c)
        assert 1 < a.max() <= 255
    assert not np.allclose(first[0], first[1])


@pytest.mark.one_backend
@pytest.mark.parametrize("name", PRESETS)
def test_bad_arguments(name):
    with pytest.raises(ValueError, match="`preset`.*Received"):
        PRESETS[name]("mnist", 32, 32)
    with pytest.raises(ValueError, match="`seed`.*Received"):
        PRESETS[name]("cifar10", 32, 32, seed=-1)
