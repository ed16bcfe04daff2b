"""Small JPEG files, which take Pillow longer to open than to decode."""

import functools
import types

import numpy as np

# Pixels of the files that are decoded here. For larger ones, the time that
# Pillow takes to open a file no longer counts, and it resizes in place.
MOST_PIXELS = 128 * 128
_START = b"\xff\xd8\xff"
# Of metadata that may say how the camera was held, in EXIF or in XMP.
_ORIENTATION_HINTS = b"Exif", b"rientation"
# From here on Pillow decodes at a fraction of the resolution.
_MUCH_LARGER = 4


def decode_small_jpeg(
    content: bytes, target_height: int, target_width: int
) -> np.ndarray | None:
    """The pixels of a plain small JPEG, by simplejpeg where it is installed.

    It is the decoder that Pillow has as well, libjpeg-turbo, with the same
    settings. What could be more than plain is left to Pillow: files of
    another color space, damaged ones, those that may have an orientation, and
    those much larger than what they are resized to.

    Args:
        content: The bytes of a file of any format.
        target_height: Height in pixels that the image is resized to.
        target_width: Its width.

    Returns:
        A uint8 array of shape `(height, width, 3)`, or `None` where Pillow is
        to decode the file.
    """
    simplejpeg = import_simplejpeg()
    if simplejpeg is None or not content.startswith(_START):
        return None
    if any(hint in content for hint in _ORIENTATION_HINTS):
        return None
    try:
        header = simplejpeg.decode_jpeg_header(content)
        height, width, color_space, _ = header
        if color_space != "YCbCr" or height * width > MOST_PIXELS:
            return None
        ratio = min(height / target_height, width / target_width)
        if ratio >= _MUCH_LARGER:
            return None
        return simplejpeg.decode_jpeg(content)
    except ValueError:  # Pillow may still read it, or say what is wrong
        return None


@functools.cache
def import_simplejpeg() -> types.ModuleType | None:
    """The module, or `None` where it is not installed."""
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg
