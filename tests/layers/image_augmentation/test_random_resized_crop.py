import keras
import numpy as np
import pytest
from PIL import Image

from keras_contrastive.layers import RandomResizedCrop
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw
from tests.layers.image_augmentation.helpers import to_numpy

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def pillow_crop(image, top, left, height, width, size, interpolation):
    """Pillow's crop and resize of one float image, channel by channel."""
    channels = [
        Image.fromarray(channel, mode="F")
        .crop((left, top, left + width, top + height))
        .resize((size[1], size[0]), FILTERS[interpolation])
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


@pytest.mark.one_case
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", [(9, 50), (1, 1), (64, 7)])
def test_equals_pillow(size, interpolation, rng):
    images = rng.random((6, 37, 53, 3), dtype="float32")
    boxes = {  # One of them the whole image, one of them a single pixel.
        "top": np.array([0, 5, 36, 10, 0, 3]),
        "left": np.array([0, 7, 52, 0, 20, 30]),
        "height": np.array([37, 20, 1, 27, 1, 34]),
        "width": np.array([53, 31, 1, 12, 33, 2]),
    }
    layer = RandomResizedCrop(*size, interpolation=interpolation)
    actual = apply(layer, images, **boxes)
    for b, image in enumerate(images):
        box = [int(boxes[k][b]) for k in ("top", "left", "height", "width")]
        expected = pillow_crop(image, *box, size, interpolation)
        np.testing.assert_allclose(
            actual[b], np.clip(expected, 0, 1), atol=2e-6
        )


@pytest.mark.one_case
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", [(224, 300), (150, 290)])
def test_equals_pillow_where_pixels_are_gathered(size, interpolation, rng):
    images = rng.random((4, 300, 310, 3), dtype="float32")
    boxes = {
        "top": np.array([0, 5, 299, 200]),
        "left": np.array([0, 7, 309, 3]),
        "height": np.array([300, 200, 1, 99]),
        "width": np.array([310, 301, 1, 152]),
    }
    layer = RandomResizedCrop(*size, interpolation=interpolation)
    actual = apply(layer, images, **boxes)
    for b, image in enumerate(images):
        box = [int(boxes[k][b]) for k in ("top", "left", "height", "width")]
        expected = pillow_crop(image, *box, size, interpolation)
        np.testing.assert_allclose(
            actual[b], np.clip(expected, 0, 1), atol=2e-6
        )


@pytest.mark.one_case
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("interpolation", FILTERS)
def test_resizes_whole_images_at_inference(interpolation, rng):
    images = rng.random((2, 300, 200, 3), dtype="float32")
    layer = RandomResizedCrop(24, 31, interpolation=interpolation)
    actual = to_numpy(layer(images, training=False))
    for b, image in enumerate(images):
        expected = pillow_crop(image, 0, 0, 300, 200, (24, 31), interpolation)
        np.testing.assert_allclose(actual[b], expected, atol=2e-6)


def pillow_center_crop(image, size):
    """The evaluation transform of CLIP's code, in torchvision's steps."""
    width, height = image.size
    if width < height:
        resized = size, size * height // width
    else:
        resized = size * width // height, size
    image = image.resize(resized, Image.BICUBIC)
    left, top = (round((side - size) / 2) for side in resized)
    return image.crop((left, top, left + size, top + size))


@pytest.mark.one_case
@pytest.mark.parametrize("shape", [(60, 91), (77, 41), (24, 24), (13, 20)])
def test_center_crop_is_the_peers_preprocessing(shape, rng):
    """Within the peers' rounding to whole levels after each of two passes."""
    # Away from 0 and 255, where they also cut overshoot off after each.
    noise = rng.integers(64, 192, (shape[0] // 4 + 1, shape[1] // 4 + 1, 3))
    image = Image.fromarray(noise.astype("uint8")).resize(shape[::-1])
    layer = RandomResizedCrop(24, 24, interpolation="bicubic", center_crop=True)
    actual = to_numpy(layer(np.asarray(image)[None], training=False))[0]
    expected = np.asarray(pillow_center_crop(image, 24))
    np.testing.assert_allclose(actual * 255, expected, atol=1.25)


def test_center_crop_is_for_inference(rng):
    images = rng.random((2, 20, 30, 3), dtype="float32")
    squeezed, cropped = (
        to_numpy(
            RandomResizedCrop(8, 8, center_crop=center_crop, seed=0)(images)
        )
        for center_crop in (False, True)
    )
    np.testing.assert_array_equal(cropped, squeezed)


def test_full_crop_at_the_same_size_is_the_identity(rng):
    images = rng.random((3, 16, 16, 3), dtype="float32")
    layer = RandomResizedCrop(16, 16, scale=(1, 1), ratio=(1, 1))
    np.testing.assert_array_equal(to_numpy(layer(images)), images)


def torchvision_crop(rng, image_height, image_width, scale, ratio):
    """The algorithm of torchvision's RandomResizedCrop, one image at a time."""
    area = image_height * image_width
    for _ in range(10):
        target = area * rng.uniform(*scale)
        aspect = np.exp(rng.uniform(np.log(ratio[0]), np.log(ratio[1])))
        width = int(round(np.sqrt(target * aspect)))
        height = int(round(np.sqrt(target / aspect)))
        if 0 < width <= image_width and 0 < height <= image_height:
            top = rng.integers(0, image_height - height + 1)
            left = rng.integers(0, image_width - width + 1)
            return top, left, height, width
    in_ratio = image_width / image_height
    width, height = image_width, image_height
    if in_ratio < min(ratio):
        height = int(round(width / min(ratio)))
    elif in_ratio > max(ratio):
        width = int(round(height * max(ratio)))
    return (
        (image_height - height) // 2,
        (image_width - width) // 2,
        height,
        width,
    )


@pytest.mark.parametrize(
    "size, scale, ratio",
    [
        ((32, 32), (0.08, 1.0), (3 / 4, 4 / 3)),
        ((30, 60), (0.5, 1.0), (3 / 4, 4 / 3)),  # Often none of ten fits.
        ((40, 30), (0.2, 0.3), (0.5, 2.0)),
    ],
)
def test_distribution_is_that_of_torchvision(size, scale, ratio, rng):
    count = 4000
    layer = RandomResizedCrop(8, 8, scale=scale, ratio=ratio, seed=0)
    crop = draw(layer, count, *size)
    drawn = np.stack(
        [crop[k] for k in ("top", "left", "height", "width")], axis=1
    )
    expected = np.array(
        [torchvision_crop(rng, *size, scale, ratio) for _ in range(count)]
    )
    for actual, target in zip(drawn.T, expected.T, strict=True):
        # Kolmogorov-Smirnov, at a level of about 1e-4.
        values = np.arange(max(size) + 1)
        difference = np.abs(
            np.mean(actual[:, None] <= values, axis=0)
            - np.mean(target[:, None] <= values, axis=0)
        )
        assert difference.max() < 2.2 * np.sqrt(2 / count)
    assert (drawn[:, :2] >= 0).all()
    assert (drawn[:, :2] + drawn[:, 2:] <= size).all()


def test_area_and_ratio():
    crop = draw(RandomResizedCrop(8, 8, seed=0), 4000, 100, 100)
    area = crop["height"] * crop["width"] / 100**2
    ratio = crop["width"] / crop["height"]
    assert 0.07 < area.min() < 0.1 and 0.95 < area.max() <= 1
    assert 0.7 < ratio.min() < 0.78 and 1.3 < ratio.max() < 1.4
    # Log-uniform: as often above 1 as below.
    assert abs(np.mean(np.log(ratio))) < 0.02


@pytest.mark.parametrize(
    "size, box",
    [((10, 90), (0, 38, 10, 13)), ((90, 10), (38, 0, 13, 10))],
)
def test_falls_back_to_the_central_crop(size, box):
    crop = draw(RandomResizedCrop(8, 8, scale=(1, 1)), 3, *size)
    for name, value in zip(
        ("top", "left", "height", "width"), box, strict=True
    ):
        assert (crop[name] == value).all()


def test_images_draw_independently():
    crop = draw(RandomResizedCrop(8, 8, seed=0), 2000, 64, 64)
    for values in crop.values():
        assert len(np.unique(values)) > 20
        assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.1
    corners = np.corrcoef(crop["top"], crop["left"])[0, 1]
    assert corners < 0.6  # Both are small where the crop is large.


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"height": 0}, "height"),
        ({"width": 2.5}, "width"),
        ({"scale": (0.5, 0.1)}, "scale"),
        ({"scale": (0.5, 1.5)}, "scale"),
        ({"scale": 0.5}, "scale"),
        ({"ratio": (0, 1)}, "ratio"),
        ({"ratio": (2, 1)}, "ratio"),
        ({"interpolation": "lanczos"}, "interpolation"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        RandomResizedCrop(**{"height": 8, "width": 8, **arguments})


def test_gradient_reaches_the_images():
    # Matrix products: usable inside differentiable pipelines.
    if keras.backend.backend() != "torch":
        pytest.skip("one backend is enough")
    images = keras.ops.ones((1, 8, 8, 3)).requires_grad_()
    RandomResizedCrop(4, 4)(images).sum().backward()
    assert images.grad is not None
