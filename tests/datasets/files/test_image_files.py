import io

import numpy as np
import pytest

from keras_contrastive.datasets.files import image_files
from keras_contrastive.datasets.files.image_files import load_image

Image = pytest.importorskip("PIL.Image")
from PIL import ImageOps  # noqa: E402
from PIL import features  # noqa: E402

pytestmark = pytest.mark.one_backend


def picture(width=90, height=60, mode="RGB"):
    """A smooth picture, which JPEG changes little."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.BICUBIC)
    return image.convert(mode)


def encode(image, format="PNG", **kwargs):
    stream = io.BytesIO()
    image.save(stream, format, **kwargs)
    return stream.getvalue()


def distance(a, b):
    return np.abs(np.asarray(a, dtype=float) - np.asarray(b)).mean()


def test_short_side_resized_and_center_cropped():
    image = picture(90, 60)
    resized = image.resize((48, 32), Image.BICUBIC)
    expected = np.asarray(resized.crop((8, 0, 40, 32)))
    loaded = load_image(encode(image), 32)
    assert loaded.dtype == np.uint8 and loaded.shape == (32, 32, 3)
    np.testing.assert_array_equal(loaded, expected)

    wide = load_image(encode(image), (16, 48))
    expected = np.asarray(resized.crop((0, 8, 48, 24)))
    np.testing.assert_array_equal(wide, expected)


def test_antialiasing():
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    loaded = load_image(encode(Image.fromarray(stripes)), 8)
    assert np.abs(loaded.astype(float) - 127.5).max() < 6


@pytest.mark.parametrize("size", [(1, 1), (200, 1), (1, 200), (3, 5)])
def test_tiny_and_narrow(size):
    assert load_image(encode(picture(*size)), (6, 4)).shape == (6, 4, 3)


@pytest.mark.parametrize("size", [(228, 225), (225, 228)])
def test_rounding_keeps_the_region_within_the_image(size):
    """In floats, 224 times 225 / 224 is more than 225."""
    assert load_image(encode(picture(*size)), 224).shape == (224, 224, 3)


def test_path(tmp_path):
    path = tmp_path / "picture.png"
    picture().save(path)
    expected = load_image(path.read_bytes(), 16)
    np.testing.assert_array_equal(load_image(path, 16), expected)
    np.testing.assert_array_equal(load_image(str(path), 16), expected)


@pytest.mark.parametrize(
    ("format", "size"),
    [
        ("JPEG", (90, 60)),
        ("JPEG", (450, 300)),  # large enough to be decoded small
        *((f, (90, 60)) for f in "MPO TIFF PNG WEBP AVIF HEIF".split()),
    ],
)
def test_exif_orientation(format, size):
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        photograph = encode(picture(*size), format, quality=95, exif=exif)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(photograph)))
        for shape in ((20, 32), (32, 20)):
            expected = load_image(encode(upright), shape)
            loaded = load_image(photograph, shape)
            # A small decoding rounds the picture's edges to whole pixels.
            bound = 1.5 if size == (90, 60) else 2.5
            assert distance(loaded, expected) < bound, orientation


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_orientation_of_a_tiff(mode, compression):
    """Pillow turns the image while it loads it."""
    for orientation in (3, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = picture(mode=mode)
        scan = encode(image, "TIFF", exif=exif, compression=compression)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(scan)))
        expected = load_image(encode(upright.convert("RGB")), (20, 32))
        assert distance(load_image(scan, (20, 32)), expected) < 3


def test_heic_without_pillow_heif(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "reads_heif", lambda: False)
    (tmp_path / "1.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(ValueError, match=r"1\.heic.*pip install pillow-heif"):
        load_image(tmp_path / "1.heic", 8)


def test_damaged_metadata_do_no_harm():
    photograph = encode(picture(), "JPEG", exif=b"Exif\0\0nonsense")
    assert load_image(photograph, 16).shape == (16, 16, 3)


@pytest.mark.parametrize("mode", ["P", "CMYK", "RGBA", "L", "LA", "1", "I;16"])
def test_modes(mode):
    image = picture()
    if mode == "I;16":
        gray = np.asarray(picture(mode="L"))
        image = Image.fromarray(gray.astype(np.uint16) * 257)
        expected = load_image(encode(picture(mode="L")), 16)
    else:
        image = picture(mode=mode)
        expected = load_image(encode(image.convert("RGB")), 16)
    format = "JPEG" if mode == "CMYK" else "PNG"
    loaded = load_image(encode(image, format), 16)
    assert loaded.shape == (16, 16, 3)
    assert distance(loaded, expected) < 3


@pytest.mark.parametrize("value", [-1, 2**16])
def test_integers_of_more_than_16_bits_have_no_white(value):
    image = Image.fromarray(np.full((8, 8), value, "int32"))
    with pytest.raises(ValueError, match="more than 16 bits"):
        load_image(encode(image, "TIFF"), 4)


def test_transparency_is_white():
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert load_image(encode(clear), 4).min() == 255


def test_large_jpeg_is_decoded_small():
    """The result is close to that of decoding at full resolution."""
    image = picture(1600, 1200)
    exact = load_image(encode(image), 32)
    assert (
        distance(load_image(encode(image, "JPEG", quality=95), 32), exact) < 2
    )


def test_resizing_leaves_an_opened_image_as_it_is():
    stream = io.BytesIO(encode(picture(400, 300), "JPEG"))
    with Image.open(stream) as image:
        image_files.resize_image(image, 8)
        assert image.size == (400, 300)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_truncated(format):
    content = encode(picture(300, 200), format)
    with pytest.raises(ValueError, match="cannot be decoded"):
        load_image(content[: len(content) // 2], 16)


def test_no_image(tmp_path):
    for content in (b"", b"text"):
        with pytest.raises(ValueError, match="cannot be decoded"):
            load_image(content, 16)
    path = tmp_path / "notes.jpg"
    path.write_text("text")
    with pytest.raises(ValueError, match="notes.jpg.*cannot be decoded"):
        load_image(path, 16)
    with pytest.raises(FileNotFoundError):
        load_image(tmp_path / "none.jpg", 16)


@pytest.mark.parametrize("size", [0, -1, 2.5, (3, 0), (1, 2, 3), "8", None])
def test_image_size(size):
    with pytest.raises(ValueError, match="`image_size`"):
        load_image(encode(picture()), size)
