"""Fast decoding of small JPEG files."""

import functools
import types

import numpy as np

# Largest image that is decoded here. Pillow takes longer to open a small file
# than to decode it. For larger files that no longer matters.
MOST_PIXELS = 128 * 128
_START = b"\xff\xd8\xff"
# Parts of EXIF and XMP metadata that may hold an orientation.
_ORIENTATION_HINTS = b"Exif", b"rientation"
# From this ratio on, Pillow decodes at a fraction of the resolution.
_MUCH_LARGER = 4


def decode_small_jpeg(
    content: bytes, target_height: int, target_width: int
) -> np.ndarray | None:
    """Decodes a small JPEG with simplejpeg, where it is installed.

    simplejpeg uses the decoder of Pillow, libjpeg-turbo, with the same
    settings. Files that need more are left to Pillow: other color spaces,
    damaged files, files that may have an orientation, and files much larger
    than the target size.

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
        if color_space != "YCbCr" or height * width > MOST_PIXELS:
            return None
        ratio = min(height / target_height, width / target_width)
        if ratio >= _MUCH_LARGER:
            return None
        return simplejpeg.decode_jpeg(content)
    except ValueError:  # Pillow may still read it, or explain the damage
        return None


@functools.cache
def import_simplejpeg() -> types.ModuleType | None:
    """Returns the module, or `None` if it is not installed."""
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg
