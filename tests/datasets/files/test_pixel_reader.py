import io

import keras
import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

from keras_contrastive.datasets.files.image_files import load_image  # noqa: E402
from keras_contrastive.datasets.files.pixel_reader import PixelReader  # noqa: E402

pytestmark = pytest.mark.one_backend

BANDS = np.random.default_rng(0).integers(0, 12_000, (20, 30, 5), "uint16")


def encoded(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_rgb_by_default():
    """Gray and transparent images become RGB, and colors are converted."""
    reader = PixelReader(8)
    assert reader.shape == (8, 8, 3) and reader.dtype == "uint8"
    gray = np.full((9, 12), 70, "uint8")
    np.testing.assert_array_equal(reader.read(gray), 70)
    np.testing.assert_array_equal(reader.read(encoded(gray)), 70)


@pytest.mark.parametrize("size", [(20, 30), 8, (7, 31), 45])
def test_resized_as_by_load_image(size):
    # Pillow clips and rounds bytes between the two directions.
    pixels = np.random.default_rng(0).integers(70, 190, (20, 30, 3), "uint8")
    expected = load_image(encoded(pixels), size)
    for channels in ((0, 1, 2), (2, 0)):
        read = PixelReader(size, channels).read(encoded(pixels))
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, expected[..., list(channels)])
    read = PixelReader(size, 3, (0, 255)).read(encoded(pixels))
    assert read.dtype == np.float32
    np.testing.assert_allclose(255 * read, expected, atol=1.5)


def test_resizing_of_floats():
    """Compared with float64, channel by channel."""
    pixels = BANDS.astype("float32")
    read = PixelReader((10, 10), 5, (0, 12_000)).read(pixels)
    # The center begins at a whole pixel of the result.
    center = pixels[:, 4:24].astype("float64") / 12_000
    # Bicubic with a = -0.5, at half the resolution: eight taps.
    offsets = np.abs(np.arange(-3.5, 4) / 2)
    taps = np.where(
        offsets < 1,
        1.5 * offsets**3 - 2.5 * offsets**2 + 1,
        -0.5 * offsets**3 + 2.5 * offsets**2 - 4 * offsets + 2,
    )

    def halved(values):
        matrix = np.zeros((10, 20))
        for row in range(10):
            places = np.arange(2 * row - 3, 2 * row + 5)
            inside = (places >= 0) & (places < 20)
            matrix[row, places[inside]] = taps[inside] / taps[inside].sum()
        return np.tensordot(matrix, values, 1)

    expected = halved(halved(center).swapaxes(0, 1)).swapaxes(0, 1)
    # At the border of the center Pillow counts the pixels beyond it.
    np.testing.assert_allclose(
        read[:, 2:-2], np.clip(expected, 0, 1)[:, 2:-2], atol=1e-5
    )


@pytest.mark.parametrize(
    "dtype", "uint8 uint16 int16 uint32 int64 float16 float32 float64".split()
)
def test_ranges(dtype):
    pixels = (BANDS % 100).astype(dtype)
    low, high = (10, 20, 30, 40, 50), (90, 80, 70, 60.5, 55)
    read = PixelReader((20, 30), 5, (low, high)).read(pixels)
    wide = pixels.astype("float64")
    expected = (wide - np.array(low)) / (np.array(high) - np.array(low))
    np.testing.assert_allclose(read, np.clip(expected, 0, 1), atol=1e-6)
    assert read.min() == 0 and read.max() == 1
    read = PixelReader((20, 30), (3, 1), ((40, 20), (60.5, 80))).read(pixels)
    np.testing.assert_allclose(
        read, np.clip(expected, 0, 1)[..., [3, 1]], atol=1e-6
    )


def test_narrow_ranges_of_large_numbers():
    """In float32, these numbers would be equal."""
    pixels = 1_000_000_000 + np.arange(16).reshape(4, 4)
    read = PixelReader(4, 1, (1_000_000_000, 1_000_000_015)).read(pixels)
    np.testing.assert_allclose(
        read[..., 0], np.arange(16).reshape(4, 4) / 15, atol=1e-6
    )


def test_missing_pixels_are_clipped_before_they_are_resized():
    pixels = np.full((16, 16, 1), 0.5)
    pixels[:8] = -9999
    read = PixelReader(8, 1, (0, 1)).read(pixels)
    assert read.min() == 0 and 0.5 < read.max() < 0.6
    np.testing.assert_allclose(read[6:], 0.5, atol=1e-6)


def test_no_conversion_of_colors():
    clear = np.zeros((8, 8, 4), "uint8")
    clear[..., 0] = 200
    np.testing.assert_array_equal(PixelReader(8, 4).read(clear), clear)
    gray = np.full((8, 8), 70, "uint8")
    assert PixelReader(4, 1).read(gray).shape == (4, 4, 1)
    with pytest.raises(ValueError, match=r"must have 3 channels.*\(8, 8, 1\)"):
        PixelReader(8, 3, (0, 255)).read(gray)


def test_tensors():
    tensor = keras.ops.convert_to_tensor(BANDS.astype("float32"))
    read = PixelReader((20, 30), 5, (0, 12_000)).read(tensor)
    np.testing.assert_allclose(read, BANDS / 12_000, atol=1e-6)


@pytest.mark.parametrize(
    "shape, channels, message",
    [
        ((8, 8, 4), 13, r"must have 13 channels.*\(8, 8, 4\) and type uint8$"),
        ((13, 8, 9), 13, r"must have 13 .*\(13, 8, 9\).*np.moveaxis.*CYX"),
        ((8, 8, 3), (3, 2, 1), r"more than 3 channels.*\(8, 8, 3\)"),
        ((13, 32, 32), (3, 2, 1), "channels in the last axis.*np.moveaxis"),
    ],
)
def test_channels_of_an_image(shape, channels, message):
    with pytest.raises(ValueError, match=message):
        PixelReader(8, channels).read(np.zeros(shape, "uint8"))


def test_files_that_only_these_arguments_read():
    with pytest.raises(ValueError, match="`channels` and `value_range`"):
        PixelReader(8).read(b"\x93NUMPY")
    with pytest.raises(ValueError, match="identify image file$"):
        PixelReader(8).read(b"nothing")


def test_more_channels_than_rows():
    pixels = np.random.default_rng(0).integers(0, 9, (8, 8, 200), "uint8")
    for channels in (200, (150, 3)):
        PixelReader(8, channels).read(pixels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value):
    pixels = BANDS.astype("float32")
    pixels[3, 4, 2] = value
    with pytest.raises(ValueError, match="1 of 3000 values are NaN or inf"):
        PixelReader(8, 5, (0, 1)).read(pixels)
    PixelReader(8, (0, 1, 3), (0, 1)).read(pixels)  # without this channel


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "bool"])
def test_a_range_is_needed(dtype):
    with pytest.raises(ValueError, match=f"{dtype} need `value_range`"):
        PixelReader(8, 5).read((BANDS % 2).astype(dtype))


@pytest.mark.parametrize(
    "channels", [0, -1, None, (), "3", 2.5, (1, -1), (0.5,), np.array(2.5)]
)
def test_invalid_channels(channels):
    with pytest.raises(ValueError, match="`channels` must"):
        PixelReader(8, channels)


@pytest.mark.parametrize(
    "value_range",
    [
        (1, 0),
        (0, 0),
        5,
        (0, 1, 2),
        (0, np.nan),
        (0, np.inf),
        ((0, 0), (1, 1)),
        ((0, 0, 0), (1, 1, 0)),
        "ab",
    ],
)
def test_invalid_ranges(value_range):
    with pytest.raises(ValueError, match="`value_range` must be a pair"):
        PixelReader(8, 3, value_range)
