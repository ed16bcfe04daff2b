"""Images of other channels than red, green and blue."""

import itertools
import warnings

import numpy as np
import pytest

import keras_contrastive as kc
from tests.layers.image_augmentation import test_random_color_jitter as of_rgb
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import to_numpy


def without_color(plane, values, places):
    """Brightness and contrast of one channel, in the order of the image."""
    for operation in np.argsort(places):
        factor = values[operation]
        if operation == 0:
            plane = np.clip(factor * plane, 0, 1)
        elif operation == 1:
            mean = (1 - factor) * plane.mean()
            plane = np.clip(factor * plane + mean, 0, 1)
    return plane


def jittered(layer, images, values, orders):
    names = ("brightness", "contrast", "saturation", "hue")
    drawn = {
        name: values[:, i].astype("float32") for i, name in enumerate(names)
    }
    return apply(layer, images, **drawn, places=orders.astype("int32"))


@pytest.mark.one_case
@pytest.mark.parametrize("batch", [6, 1])
@pytest.mark.parametrize(
    "channels, rgb", [(5, (3, 1, 0)), (3, (2, 1, 0)), (2, ()), (1, ())]
)
def test_jitter(rng, batch, channels, rgb):
    orders = np.array(list(itertools.permutations(range(4))))[:batch]
    images = rng.random((batch, 6, 5, channels))
    values = rng.uniform(0.2, 1.8, (batch, 4))
    values[:, 3] = rng.uniform(-0.5, 0.5, batch)
    color = 0.5 if rgb else 0.0
    layer = kc.layers.RandomColorJitter(
        0.8, 0.8, color, color, rgb_channels=rgb or None
    )
    actual = jittered(layer, images, values, orders)
    for b, image in enumerate(images):
        expected = np.empty_like(image)
        if rgb:
            colors = of_rgb.oracle(image[..., rgb], values[b], orders[b])
            expected[..., rgb] = colors
        for channel in set(range(channels)) - set(rgb):
            expected[..., channel] = without_color(
                image[..., channel], values[b], orders[b]
            )
        np.testing.assert_allclose(actual[b], expected, atol=1e-5)


def test_gray_of_some_channels(rng):
    images = rng.random((2, 4, 5, 5), dtype="float32")
    layer = kc.layers.RandomGrayscale(0.5, rgb_channels=(3, 1, 0))
    actual = apply(layer, images, apply=np.array([True, False]))
    gray = images[0][..., [3, 1, 0]] @ np.array([0.299, 0.587, 0.114])
    for channel in range(5):
        kept = images[0, ..., channel]
        expected = gray if channel in (3, 1, 0) else kept
        np.testing.assert_allclose(actual[0, ..., channel], expected, atol=1e-6)
    np.testing.assert_array_equal(actual[1], images[1])


PRESETS = ("simclr", "byol", "swav", "dino")


@pytest.mark.one_case
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("channels", [6, 1])
def test_presets(preset, channels, rng):
    images = rng.integers(0, 65536, (2, 12, 10, channels)).astype("uint16")
    make = getattr(kc.layers, f"{preset}_augmentation")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = make("imagenet", 8, 8, channels=channels)
    layers = [plain]
    if channels == 6:
        layers.append(
            make("imagenet", 8, 8, channels=6, rgb_channels=(3, 2, 1))
        )
    for layer in layers:
        views = layer(images)
        for view in views if isinstance(views, list) else [views]:
            view = to_numpy(view)
            assert view.shape[-1] == channels
            assert view.min() >= 0 and view.max() <= 1
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


@pytest.mark.one_backend
@pytest.mark.parametrize("preset", PRESETS)
def test_the_warning_says_what_is_left_out(preset):
    make = getattr(kc.layers, f"{preset}_augmentation")
    with pytest.warns(UserWarning, match="left out for images of 13 channels"):
        make("cifar10", 8, 8, channels=13)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make("cifar10", 8, 8, channels=13, rgb_channels=(3, 2, 1))
        make("cifar10", 8, 8, channels=1)  # gray has no colors to lose


@pytest.mark.one_backend
def test_seeds_are_those_of_images_with_colors():
    seeds = [
        [layer.seed for layer in pipeline.layers if "Gray" not in layer.name]
        for pipeline in (
            kc.layers.simclr_augmentation("imagenet", 8, 8, seed=1),
            kc.layers.simclr_augmentation("imagenet", 8, 8, seed=1, channels=1),
        )
    ]
    with_gray, without = seeds
    assert [*with_gray[:3], *with_gray[4:]] == without


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "rgb_channels", [(0, 1), (0, 1, 1), (0, 1, -1), (0, 1, 1.5), "rgb", 3]
)
def test_rgb_channels_must_be_three_indices(rgb_channels):
    for make in (
        lambda **rgb: kc.layers.RandomGrayscale(0.5, **rgb),
        lambda **rgb: kc.layers.RandomColorJitter(1, 1, 1, 0.5, **rgb),
        lambda **rgb: kc.layers.simclr_augmentation(
            "cifar10", 8, 8, channels=4, **rgb
        ),
    ):
        with pytest.raises(ValueError, match="`rgb_channels`"):
            make(rgb_channels=rgb_channels)


@pytest.mark.one_backend
def test_channels_that_do_not_fit():
    images = np.zeros((2, 8, 8, 4), "float32")
    for layer in (
        kc.layers.RandomGrayscale(0.5),
        kc.layers.RandomColorJitter(1, 1, 0, 0.5),
    ):
        with pytest.raises(ValueError, match="or `rgb_channels`"):
            layer(images)
    layer = kc.layers.RandomGrayscale(0.5, rgb_channels=(0, 1, 4))
    with pytest.raises(ValueError, match="must be less than 4"):
        layer(images)
    with pytest.raises(ValueError, match="must be less than 4"):
        kc.layers.byol_augmentation(
            "cifar10", 8, 8, channels=4, rgb_channels=(2, 3, 4)
        )
    with pytest.raises(ValueError, match="`channels` must be"):
        kc.layers.dino_augmentation("cifar10", 8, 8, channels=0)


def test_unknown_channels_inside_tf_data(rng):
    """Those of decoded files: colors, unless they are named by place."""
    tf = pytest.importorskip("tensorflow")
    images = rng.random((2, 4, 5, 3), dtype="float32")
    unknown = tf.data.Dataset.from_generator(
        lambda: iter(images),
        output_signature=tf.TensorSpec((None, None, None), "float32"),
    )
    for layer in (
        kc.layers.RandomGrayscale(1.0),
        kc.layers.RandomColorJitter(0.4, 0.4, 0.4, 0.1),
        kc.layers.RandomColorJitter(0.4, 0.4, 0, 0),
    ):
        for view in unknown.map(layer):
            assert view.shape == (4, 5, 3)
    layer = kc.layers.RandomGrayscale(1.0, rgb_channels=(2, 1, 0))
    with pytest.raises(ValueError, match="set_shape"):
        unknown.map(layer)
