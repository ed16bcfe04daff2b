import colorsys
import itertools

import numpy as np
import pytest

from keras_contrastive.layers import RandomColorJitter
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw

GRAY = np.array([0.299, 0.587, 0.114])


def brightness(image, factor):
    return np.clip(factor * image, 0, 1)


def contrast(image, factor):
    mean = np.mean(image @ GRAY)
    return np.clip(factor * image + (1 - factor) * mean, 0, 1)


def saturation(image, factor):
    gray = (image @ GRAY)[..., None]
    return np.clip(factor * image + (1 - factor) * gray, 0, 1)


def hue(image, turn):
    def shift(pixel):
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        return colorsys.hsv_to_rgb((h + turn) % 1, s, v)

    pixels = [shift(pixel) for pixel in image.reshape(-1, 3)]
    return np.reshape(pixels, image.shape)


OPERATIONS = (brightness, contrast, saturation, hue)


def oracle(image, values, places):
    """Torchvision's ColorJitter: the four in this order."""
    for operation in np.argsort(places):
        image = OPERATIONS[operation](image, values[operation])
    return image


@pytest.mark.one_backend
def test_every_order(rng):
    orders = np.array(list(itertools.permutations(range(4))))
    images = rng.random((len(orders), 6, 5, 3))
    values = rng.uniform(0.2, 1.8, (len(orders), 4))
    values[:, 3] = rng.uniform(-0.5, 0.5, len(orders))
    actual = apply(
        RandomColorJitter(0.8, 0.8, 0.8, 0.5),
        images,
        brightness=values[:, 0].astype("float32"),
        contrast=values[:, 1].astype("float32"),
        saturation=values[:, 2].astype("float32"),
        hue=values[:, 3].astype("float32"),
        places=orders.astype("int32"),
    )
    for b, image in enumerate(images):
        expected = oracle(image, values[b], orders[b])
        np.testing.assert_allclose(actual[b], expected, atol=1e-5)


def test_order_matters(rng):
    image = rng.random((6, 5, 3))
    results = [
        oracle(image, (1.8, 0.3, 1.7, 0.2), places)
        for places in itertools.permutations(range(4))
    ]
    assert np.unique(np.round(results, 6), axis=0).shape[0] > 12


@pytest.mark.parametrize("turn", [-0.5, -1 / 6, 0.0, 0.1, 1 / 3, 0.5])
def test_hue_of_special_colors(turn):
    # Primaries, their mixtures, black, white and grays.
    colors = np.array(list(itertools.product((0, 0.5, 1), repeat=3)))
    images = colors.reshape(1, 9, 3, 3)
    one = np.ones(1, "float32")
    actual = apply(
        RandomColorJitter(0, 0, 0, 0.5),
        images,
        brightness=one,
        contrast=one,
        saturation=one,
        hue=turn * one,
        places=np.arange(4, dtype="int32")[None],
    )
    np.testing.assert_allclose(actual[0], hue(images[0], turn), atol=1e-6)


def test_equals_pillow(rng):
    image_enhance = pytest.importorskip("PIL.ImageEnhance")
    from PIL import Image

    image = rng.integers(0, 256, (8, 7, 3)).astype("uint8")
    enhancers = {
        "brightness": image_enhance.Brightness,
        "contrast": image_enhance.Contrast,
        "saturation": image_enhance.Color,
    }
    for name, enhancer in enhancers.items():
        for factor in (0.3, 1.6):
            values = dict.fromkeys(enhancers, np.ones(1, "float32"))
            values[name] = np.array([factor], "float32")
            actual = apply(
                RandomColorJitter(1, 1, 1, 0, value_range=(0, 255)),
                image[None],
                hue=np.zeros(1, "float32"),
                places=np.arange(4, dtype="int32")[None],
                **values,
            )
            expected = enhancer(Image.fromarray(image)).enhance(factor)
            # Pillow truncates to integers, and rounds the gray image's mean.
            np.testing.assert_allclose(actual[0], expected, atol=1.5)


def test_distribution():
    jitter = RandomColorJitter(0.4, 1.5, (0.9, 1.3), 0.1, seed=0)
    drawn = draw(jitter, 6000)
    for name, low, high in (
        ("brightness", 0.6, 1.4),
        ("contrast", 0.0, 2.5),
        ("saturation", 0.9, 1.3),
        ("hue", -0.1, 0.1),
    ):
        values = drawn[name]
        span = high - low
        assert low <= values.min() < low + 0.01 * span
        assert high - 0.01 * span < values.max() <= high
        quartiles = np.quantile(values, (0.25, 0.5, 0.75))
        np.testing.assert_allclose(
            (quartiles - low) / span, (0.25, 0.5, 0.75), atol=0.03
        )
    factors = np.stack([drawn["brightness"], drawn["contrast"]])
    assert abs(np.corrcoef(factors)[0, 1]) < 0.05


def test_orders_are_uniform():
    places = draw(RandomColorJitter(0.4, 0.4, 0.4, 0.1, seed=0), 9600)["places"]
    orders, counts = np.unique(places, axis=0, return_counts=True)
    assert len(orders) == 24
    assert (np.sort(places, axis=1) == np.arange(4)).all()
    # 400 expected each, with a standard deviation of 20.
    assert abs(counts - 400).max() < 90


def test_probability(rng):
    jitter = RandomColorJitter(0.4, 0.4, 0.4, 0.1, probability=0.8, seed=0)
    drawn = draw(jitter, 4000)
    same = (drawn["brightness"] == 1) & (drawn["hue"] == 0)
    assert abs(same.mean() - 0.2) < 0.03
    assert ((drawn["contrast"] == 1) == same).all()
    images = rng.random((3, 5, 5, 3))
    never = RandomColorJitter(1, 1, 1, 0.5, probability=0.0)
    unchanged = apply(never, images, **draw(never, 3))
    np.testing.assert_allclose(unchanged, images, atol=1e-6)


@pytest.mark.one_backend
def test_numbers_of_numpy():
    expected = RandomColorJitter(0.5, 1, 0.25, 0.5)
    actual = RandomColorJitter(
        np.float32(0.5), np.int64(1), np.float16(0.25), np.float32(0.5)
    )
    assert actual.brightness == expected.brightness == (0.5, 1.5)
    assert actual.contrast == expected.contrast == (0, 2)
    assert actual.saturation == expected.saturation == (0.75, 1.25)
    assert actual.hue == expected.hue == (-0.5, 0.5)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"brightness": -0.1}, "brightness"),
        ({"contrast": (1.2, 0.8)}, "contrast"),
        ({"saturation": (-0.5, 1)}, "saturation"),
        ({"hue": 0.6}, "hue"),
        ({"hue": (-0.6, 0.1)}, "hue"),
        ({"probability": 1.1}, "probability"),
    ],
)
def test_bad_arguments(arguments, name):
    defaults = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        RandomColorJitter(**{**defaults, **arguments})
