"""Fast decoding of JPEG files."""

import functools
import types

import numpy as np

from keras_contrastive.datasets.files.resize_center import SMALL_IMAGE
from keras_contrastive.datasets.files.resize_center import is_fast_in_pytorch

_START = b"\xff\xd8\xff"
# Parts of EXIF and XMP metadata that may hold an orientation.
_ORIENTATION_HINTS = b"Exif", b"rientation"
# From this size ratio on, Pillow decodes at a fraction of the resolution.
_MUCH_LARGER = 4


def decode_jpeg(
    content: bytes, target_height: int, target_width: int
) -> np.ndarray | None:
    """Decodes a JPEG with simplejpeg if that is faster.

    simplejpeg uses the decoder of Pillow, libjpeg-turbo, with the same
    settings. It opens small files faster, and decodes large files into an array
    that PyTorch can resize. Pillow decodes all other files: other color spaces,
    damaged files, files that may have an orientation, and files much larger
    than the target size. It decodes every file if simplejpeg is not installed.

    Args:
        content: The bytes of a file of any format.
        target_height: Height in pixels after resizing.
        target_width: Width in pixels after resizing.

    Returns:
        A uint8 array of shape `(height, width, 3)`, or `None` if Pillow must
        decode the file.
    """
    simplejpeg = import_simplejpeg()
    if simplejpeg is None or not content.startswith(_START):
        return None
    if any(hint in content for hint in _ORIENTATION_HINTS):
        return None
    try:
        header = simplejpeg.decode_jpeg_header(content)
        height, width, color_space, _ = header
        if color_space != "YCbCr":
            return None
        if height * width > SMALL_IMAGE and not is_fast_in_pytorch(
            (height, width), target_height, target_width
        ):
            return None
        ratio = min(height / target_height, width / target_width)
        if ratio >= _MUCH_LARGER:
            return None
        return simplejpeg.decode_jpeg(content)
    except ValueError:  # Pillow may still read the file, or explain the damage
        return None


@functools.cache
def import_simplejpeg() -> types.ModuleType | None:
    """Returns the module, or `None` if it is not installed."""
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg
