import numpy as np
import pytest

from keras_contrastive.layers import RandomGaussianBlur
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw


def slow_blur(image, kernel_size, sigma):
    """Convolution of the mirrored image, one pixel and tap at a time."""
    ry, rx = kernel_size[0] // 2, kernel_size[1] // 2
    padded = np.pad(image, ((ry, ry), (rx, rx), (0, 0)), mode="reflect")
    dy, dx = np.mgrid[-ry : ry + 1, -rx : rx + 1]
    kernel = np.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    result = np.zeros(image.shape)
    for i, j in np.ndindex(kernel.shape):
        height, width = image.shape[:2]
        result += kernel[i, j] * padded[i : i + height, j : j + width]
    return result


@pytest.mark.one_case
@pytest.mark.parametrize(
    ("kernel_size", "size"),
    [(1, (7, 9)), (3, (7, 9)), ((5, 9), (8, 8)), (5, (8, 8)), (23, (7, 9))],
)
def test_equals_convolution(kernel_size, size, rng):
    # 23 reaches far beyond images of 7 x 9: they are mirrored repeatedly.
    images = rng.random((4, *size, 3))
    sigma = np.array([0.1, 0.7, 2.0, 30.0], "float32")
    layer = RandomGaussianBlur(kernel_size, probability=0.5)
    apply_to = np.array([True, True, False, True])
    actual = apply(layer, images, apply=apply_to, sigma=sigma)
    for b, image in enumerate(images):
        expected = image
        if apply_to[b]:
            expected = slow_blur(image, layer.kernel_size, sigma[b])
        np.testing.assert_allclose(actual[b], expected, atol=1e-6)


def test_images_left_alone_are_exact(rng):
    images = rng.random((2, 9, 9, 3), dtype="float32")
    actual = apply(
        RandomGaussianBlur(5),
        images,
        apply=np.array([False, False]),
        sigma=np.ones(2, "float32"),
    )
    np.testing.assert_array_equal(actual, images)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 2)])
def test_tiny_images(size):
    ones = np.ones((1, *size, 3))
    actual = apply(
        RandomGaussianBlur(7),
        ones,
        apply=np.array([True]),
        sigma=np.array([2.0], "float32"),
    )
    np.testing.assert_allclose(actual, ones, atol=1e-6)


def test_distribution():
    layer = RandomGaussianBlur(3, sigma=(0.1, 2.0), probability=0.5, seed=0)
    drawn = draw(layer, 4000)
    assert abs(drawn["apply"].mean() - 0.5) < 0.04
    assert 0.1 <= drawn["sigma"].min() < 0.12
    assert 1.98 < drawn["sigma"].max() <= 2.0
    quartiles = np.quantile(drawn["sigma"], (0.25, 0.5, 0.75))
    np.testing.assert_allclose(quartiles, (0.575, 1.05, 1.525), atol=0.06)
    assert abs(np.corrcoef(drawn["apply"], drawn["sigma"])[0, 1]) < 0.06


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"kernel_size": 4}, "kernel_size"),
        ({"kernel_size": (3, 4)}, "kernel_size"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"sigma": (0, 1)}, "sigma"),
        ({"sigma": 1.0}, "sigma"),
        ({"probability": -0.1}, "probability"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        RandomGaussianBlur(**{"kernel_size": 3, **arguments})
