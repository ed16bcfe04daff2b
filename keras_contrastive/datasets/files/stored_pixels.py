"""Reads the stored values of images in any form."""

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_contrastive.datasets.files.array_files import NPY_START
from keras_contrastive.datasets.files.array_files import NPZ_START
from keras_contrastive.datasets.files.array_files import decode_npy
from keras_contrastive.datasets.files.array_files import decode_npz
from keras_contrastive.datasets.files.dicom_files import decode_dicom
from keras_contrastive.datasets.files.dicom_files import is_dicom
from keras_contrastive.datasets.files.image_files import decoding_error
from keras_contrastive.datasets.files.image_files import image_formats
from keras_contrastive.datasets.files.image_files import import_pillow
from keras_contrastive.datasets.files.image_files import orientation_of
from keras_contrastive.datasets.files.image_files import read_file
from keras_contrastive.datasets.files.image_sources import as_array
from keras_contrastive.datasets.files.image_sources import content_of
from keras_contrastive.datasets.files.image_sources import decoded
from keras_contrastive.datasets.files.image_sources import no_image
from keras_contrastive.datasets.files.png_files import decode_deep_png
from keras_contrastive.datasets.files.tiff_files import STARTS as TIFF_STARTS
from keras_contrastive.datasets.files.tiff_files import decode_tiff
from keras_contrastive.datasets.files.upright import turn_upright

# Modes of Pillow that store channels. Palettes are converted to RGB.
MODES = {"1", "L", "LA", "RGB", "RGBA", "F", "I", "I;16", "I;16B", "I;16L"}


def read_stored(image: Any) -> np.ndarray:
    """Reads an image in any form, without any conversion of its values.

    The first bytes of a file identify its format: TIFF, NumPy's `.npy` and
    `.npz`, DICOM, or any format that `load_image` reads. `decode_tiff`,
    `decode_npz`, `decode_dicom` and `decode_deep_png` document the contents
    that they accept. Pillow decodes other formats: gray, gray and alpha, RGB,
    or RGB and alpha. Palettes are converted to RGB or RGB and alpha.
    Photographs are turned upright by their EXIF orientation.

    Args:
        image: An image in one of the forms that `read_image` accepts, or an
            array of shape `(height, width)` or `(height, width, channels)` with
            any number of channels.

    Returns:
        An array of shape `(height, width, channels)` of booleans, integers or
        floats.

    Raises:
        OSError: If the file cannot be read.
        ImportError: If the package that reads the format is not installed.
        ValueError: If the image has another form, is damaged, or takes more
            than 8 bytes times `PIL.Image.MAX_IMAGE_PIXELS`, about 716 MB. The
            limit protects the memory.
    """
    if isinstance(image, Mapping):
        image = content_of(image)
    if isinstance(image, os.PathLike):
        image = os.fsdecode(image)
    if isinstance(image, bytes | bytearray | memoryview):
        pixels = _decode(bytes(image), "The image")
    elif isinstance(image, str):
        name = f"The image {image!r}"
        _check_bytes(os.path.getsize(image), name)
        pixels = _decode(read_file(image, name), name)
    elif isinstance(image, import_pillow().Image):
        pixels = _pillow_pixels(decoded(image))
    else:
        pixels = as_array(image)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or not pixels.size or pixels.dtype.kind not in "biuf":
        raise no_image(image if pixels is image else pixels)
    return pixels


def max_bytes() -> float:
    """The maximum size of the pixels of an image, in bytes.

    This is the size of RGB and alpha in the largest image that Pillow opens.
    """
    most = import_pillow().MAX_IMAGE_PIXELS
    return float("inf") if most is None else 4 * 2 * most


def _check_bytes(number, name):
    if number > max_bytes():
        raise ValueError(
            f"{name} takes {number} bytes. The limit, 8 times "
            "`PIL.Image.MAX_IMAGE_PIXELS`, protects the memory."
        )


def _decode(content, name):
    try:
        return _decoder_of(content)(content)
    except ImportError:
        raise
    # On damaged files the decoders raise errors of any type, as in
    # `load_image`.
    except Exception as error:
        raise decoding_error(name, content, error) from error


def _decoder_of(content):
    if content.startswith(TIFF_STARTS):
        return lambda content: decode_tiff(content, max_bytes())
    if content.startswith(NPY_START):
        return decode_npy
    if content.startswith(NPZ_START):
        return lambda content: decode_npz(content, max_bytes())
    if is_dicom(content):
        return lambda content: decode_dicom(content, max_bytes())
    return _decode_by_pillow


def _decode_by_pillow(content):
    pixels = decode_deep_png(content, max_bytes())
    if pixels is not None:
        return pixels
    image_module = import_pillow()
    with image_module.open(
        io.BytesIO(content), formats=image_formats()
    ) as image:
        return _pillow_pixels(image)


def _pillow_pixels(image):
    image.load()
    orientation = orientation_of(image)
    if image.mode in ("P", "PA"):
        transparent = image.mode == "PA" or "transparency" in image.info
        image = image.convert("RGBA" if transparent else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in MODES:
        raise ValueError(
            "its values must be channel intensities. Received: Pillow's mode "
            f"{image.mode!r}"
        )
    return turn_upright(np.asarray(image), orientation)
