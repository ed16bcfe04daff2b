import io
import os
import pathlib

import keras
import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

from keras_contrastive.datasets.files.image_sources import read_image  # noqa: E402

pytestmark = pytest.mark.one_backend

GRAY = np.full((6, 8), 40, "uint8")
RGB = np.stack([GRAY, GRAY + 60, GRAY + 120], axis=-1)
ALPHA = np.full((6, 8, 1), 255, "uint8")


def png(array):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def of(image):
    loaded = read_image(image, 4)
    assert loaded.shape == (4, 4, 3) and loaded.dtype == np.uint8
    assert (loaded == loaded[0, 0]).all()
    return loaded[0, 0].tolist()


def opened(array, **kwargs):
    """A Pillow image that is not decoded yet."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG", **kwargs)
    return Image.open(io.BytesIO(stream.getvalue()))


COLORED = {
    "array": RGB,
    "with alpha": np.concatenate([RGB, ALPHA], axis=-1),
    "int64": RGB.astype("int64"),
    "uint16": RGB.astype("uint16") * 257,
    "float32": RGB.astype("float32") / 255,
    "float16": RGB.astype("float16") / 255,
    "not contiguous": np.asfortranarray(RGB)[::-1],
    "list": RGB.tolist(),
    "Pillow": Image.fromarray(RGB),
    "Pillow, not decoded": opened(RGB),
    "Pillow, RGBA": Image.fromarray(RGB).convert("RGBA"),
    "Pillow, palette": Image.fromarray(RGB).quantize(),
    "bytes": png(RGB),
    "memoryview": memoryview(png(RGB)),
    "dict of bytes": {"bytes": png(RGB), "path": None},
    "dict of bytes with a name": {"bytes": png(RGB), "path": "nowhere.png"},
}


@pytest.mark.parametrize("image", COLORED.values(), ids=COLORED)
def test_colored(image):
    np.testing.assert_allclose(of(image), [40, 100, 160], atol=1)


def test_tensors():
    assert of(keras.ops.convert_to_tensor(RGB)) == [40, 100, 160]


def test_files(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(RGB))

    class BytesPath(os.PathLike):
        def __fspath__(self):
            return os.fsencode(path)

    for image in (
        path,
        str(path),
        np.str_(path),
        BytesPath(),
        {"bytes": None, "path": str(path)},
        {"path": pathlib.PurePath(path)},
    ):
        assert of(image) == [40, 100, 160]
    with pytest.raises(FileNotFoundError):
        read_image({"bytes": None, "path": "nowhere.png"}, 4)


GRAYS = {
    "two axes": GRAY,
    "three axes": GRAY[..., None],
    "with alpha": np.concatenate([GRAY[..., None], ALPHA], axis=-1),
    "16 bits": GRAY.astype("uint16") * 257,
    "Pillow": Image.fromarray(GRAY),
    "Pillow, 16 bits": Image.fromarray(GRAY.astype("uint16") * 257),
    "Pillow, 16 bits, not decoded": opened(GRAY.astype("uint16") * 257),
    "Pillow, alpha": Image.fromarray(GRAY).convert("LA"),
    "Pillow, CMYK": Image.fromarray(GRAY).convert("CMYK"),
}


@pytest.mark.parametrize("image", GRAYS.values(), ids=GRAYS)
def test_gray(image):
    assert of(image) == [40, 40, 40]


def test_bool():
    assert of(np.ones((6, 8), bool)) == [255, 255, 255]
    assert of(np.zeros((6, 8, 1), bool)) == [0, 0, 0]
    assert of(Image.fromarray(np.ones((6, 8), bool))) == [255, 255, 255]


def test_transparency_is_white():
    clear = np.concatenate([RGB, 0 * ALPHA], axis=-1)
    assert of(clear) == of(Image.fromarray(clear)) == [255, 255, 255]
    palette = Image.new("P", (6, 8), 3)
    palette.info["transparency"] = 3
    assert of(palette) == [255, 255, 255]


def test_orientation_of_a_pillow_image():
    upright = np.full((8, 4, 3), 40, "uint8")
    upright[4:] = 200
    exif = Image.Exif()
    exif[0x0112] = 8  # to be turned by a quarter
    image = opened(np.ascontiguousarray(np.rot90(upright, -1)), exif=exif)
    for _ in range(2):  # the image is not changed
        loaded = read_image(image, (8, 4))
        np.testing.assert_array_equal(loaded, upright)


def test_one_pillow_image_in_many_threads():
    """A Pillow image decodes itself at its first use."""
    from concurrent.futures import ThreadPoolExecutor

    array = np.random.default_rng(0).integers(0, 256, (200, 300, 3), "uint8")
    expected = read_image(array, 16)
    image = opened(array)
    with ThreadPoolExecutor(8) as pool:
        for loaded in pool.map(lambda _: read_image(image, 16), range(16)):
            np.testing.assert_array_equal(loaded, expected)


BAD = {
    "None": None,
    "NaN": float("nan"),
    "a number": 7,
    "an object": object(),
    "an open file": io.BytesIO(png(RGB)),
    "an empty dict": {"bytes": None, "path": None},
    "a dict of others": {"img": RGB},
    "NaN bytes": {"bytes": float("nan"), "path": None},
    "channels first": np.zeros((3, 8, 9), "uint8"),
    "one axis": np.zeros(8, "uint8"),
    "a batch": RGB[None],
    "empty": np.zeros((0, 8, 3), "uint8"),
    "strings": np.array([["a"]]),
    "ragged": [[1], [1, 2]],
    "complex": RGB.astype("complex64"),
}


@pytest.mark.parametrize("image", BAD.values(), ids=BAD)
def test_no_image(image):
    with pytest.raises(ValueError, match="image must be .*Received"):
        read_image(image, 4)


@pytest.mark.parametrize(
    "array",
    [
        RGB.astype("float32"),
        RGB / 255 - 1,
        np.where(RGB > 100, np.nan, 0.5),
        np.full((6, 8), np.inf, "float16"),
        RGB.astype("int32") + 200,
        RGB.astype("int64") - 128,
    ],
    ids=["0-255", "negative", "NaN", "infinite", "above 255", "below 0"],
)
def test_ambiguous_values(array):
    with pytest.raises(ValueError, match=r"from 0 to .*\(6, 8"):
        read_image(array, 4)


def test_channels_that_come_first():
    """As in the results of torchvision's `ToTensor`."""
    with pytest.raises(ValueError, match=r"\(3, 8, 9\).*last: transpose it"):
        read_image(np.zeros((3, 8, 9), "float32"), 4)


def test_pillow_images_without_a_defined_white():
    for kind in ("int32", "float32"):
        with pytest.raises(ValueError, match="white|floats"):
            read_image(Image.fromarray(GRAY.astype(kind)), 4)


def test_damaged_pillow_image():
    damaged = Image.open(io.BytesIO(png(np.tile(RGB, (40, 40, 1)))[:300]))
    with pytest.raises(ValueError, match="cannot be decoded"):
        read_image(damaged, 4)
    stream = io.BytesIO(png(RGB))
    closed = Image.open(stream)
    stream.close()
    with pytest.raises(ValueError, match="cannot be decoded"):
        read_image(closed, 4)
