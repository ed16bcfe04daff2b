import io

import numpy as np
import pytest

from keras_contrastive.datasets.files import image_files
from keras_contrastive.datasets.files import jpeg_files
from keras_contrastive.datasets.files.image_files import load_image
from keras_contrastive.datasets.files.jpeg_files import decode_jpeg

Image = pytest.importorskip("PIL.Image")
simplejpeg = pytest.importorskip("simplejpeg")
pytestmark = pytest.mark.one_backend


def picture(height=40, width=60):
    coarse = np.random.default_rng(0).integers(0, 256, (9, 9, 3), "uint8")
    return Image.fromarray(coarse).resize((width, height), Image.BICUBIC)


def encode(image, **kwargs):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **kwargs)
    return stream.getvalue()


@pytest.mark.parametrize("size", [(32, 32), (40, 60), (31, 45), (100, 17)])
@pytest.mark.parametrize("image_size", [32, (31, 45), 8, 9, 100])
@pytest.mark.parametrize("quality", [50, 90, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_equals_pillow(size, image_size, quality, subsampling, monkeypatch):
    """Exactly, up to differences between versions of libjpeg-turbo."""
    content = encode(picture(*size), quality=quality, subsampling=subsampling)
    loaded = load_image(content, image_size)
    monkeypatch.setattr(image_files, "decode_jpeg", lambda *args: None)
    expected = load_image(content, image_size)
    assert np.abs(loaded.astype(int) - expected).max() <= 1


def test_progressive_jpeg_equals_pillow():
    content = encode(picture(), progressive=True)
    expected = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_allclose(decode_jpeg(content, 32, 32), expected, atol=1)


def test_pillow_decodes_much_larger_files():
    content = encode(picture(40, 60))
    assert decode_jpeg(content, 10, 10) is None
    assert decode_jpeg(content, 10, 15) is None
    assert decode_jpeg(content, 11, 10) is not None


def test_pillow_decodes_other_files():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encode(picture())
    for other in (
        encode(picture(), exif=exif),
        encode(picture().convert("CMYK")),
        encode(picture().convert("L")),
        encode(picture(200, 500)),
        content[: len(content) // 2],
        content[:4],
        b"",
        b"GIF89a",
    ):
        assert decode_jpeg(other, 64, 64) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_small_photographs_are_turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = load_image(encode(picture(), exif=exif), 32)
    if orientation == 1:
        np.testing.assert_array_equal(turned, load_image(encode(picture()), 32))
    else:
        assert np.any(turned != load_image(encode(picture()), 32))


def test_without_simplejpeg(monkeypatch):
    monkeypatch.setattr(jpeg_files, "import_simplejpeg", lambda: None)
    content = encode(picture())
    assert decode_jpeg(content, 32, 32) is None
    assert load_image(content, 16).shape == (16, 16, 3)
