import io

import numpy as np
import pytest

from keras_contrastive.datasets.files import resize_center as module
from keras_contrastive.datasets.files.image_files import load_image
from keras_contrastive.datasets.files.resize_center import is_fast_in_pytorch
from keras_contrastive.datasets.files.resize_center import resize_center

Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.one_backend


@pytest.fixture
def in_pillow(monkeypatch):
    """A function that resizes in Pillow on every backend."""

    def run(function, *args):
        with monkeypatch.context() as context:
            context.setattr(module, "_pytorch_is_vectorized", lambda: False)
            return function(*args)

    return run


@pytest.fixture
def pytorch():
    if not module._pytorch_is_vectorized():
        pytest.skip("needs the PyTorch backend, on a processor with AVX2")


def picture(height, width):
    shape = (height // 2, width // 2, 3)
    pixels = np.random.default_rng(0).normal(128, 30, shape)
    pixels = Image.fromarray(pixels.clip(0, 255).astype("uint8"))
    return pixels.resize((width, height))


@pytest.mark.parametrize(
    ("size", "result"),
    [
        ((375, 500), (224, 224)),
        ((500, 333), (224, 224)),
        ((225, 226), (224, 224)),
        ((375, 500), (224, 336)),
        ((150, 200), (224, 224)),
        ((900, 1200), (224, 224)),
    ],
)
def test_pytorch_equals_pillow(size, result, in_pillow, pytorch):
    assert is_fast_in_pytorch(size, *result)
    image = picture(*size)
    ours = np.asarray(resize_center(image, *result)).astype(int)
    expected = np.asarray(in_pillow(resize_center, image, *result))
    assert ours.shape == (*result, 3)
    difference = np.abs(ours - expected)
    assert difference.max() <= 3 and difference.mean() < 0.3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "turned JPEG", "one pixel"])
def test_files_are_read_the_same(kind, in_pillow, pytorch):
    image = picture(300, 400)
    exif = Image.Exif()
    if kind == "turned JPEG":
        exif[0x0112] = 6
    stream = io.BytesIO()
    if kind == "one pixel":
        image = image.resize((225, 224))
    image.save(stream, "PNG" if kind == "PNG" else "JPEG", exif=exif)
    loaded = load_image(stream.getvalue(), 224).astype(int)
    expected = in_pillow(load_image, stream.getvalue(), 224)
    # One level by the decoder, one by the filter.
    assert np.abs(loaded - expected).max() <= 2


def test_sizes_that_pillow_always_resizes(pytorch):
    assert not is_fast_in_pytorch((400, 800), 224, 224)  # a panorama
    assert is_fast_in_pytorch((400, 800), 224, 448)
    assert not is_fast_in_pytorch((128, 128), 32, 32)


def test_other_backends_use_pillow(monkeypatch):
    module._pytorch_is_vectorized.cache_clear()
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    assert not is_fast_in_pytorch((375, 500), 224, 224)
    module._pytorch_is_vectorized.cache_clear()


def test_region_begins_at_a_whole_pixel_of_the_result():
    """As in the evaluation of CLIP: resized, then cropped."""
    image = picture(90, 61)
    ours = np.asarray(resize_center(image, 32, 32)).astype(int)
    scale = 61 / 32
    top = int((90 / scale - 32) / 2)
    box = (0, top * scale, 61, (top + 32) * scale)
    expected = image.resize((32, 32), Image.Resampling.BICUBIC, box=box)
    np.testing.assert_array_equal(ours, np.asarray(expected))
