"""Decodes 16-bit PNG files with several channels."""

import numpy as np

_START = b"\x89PNG\r\n\x1a\n"
# From the color type in the header to the number of channels: RGB, gray and
# alpha, RGB and alpha. Pillow reads 16-bit gray.
_CHANNELS = {2: 3, 4: 2, 6: 4}


def decode_deep_png(content: bytes, max_bytes: float) -> np.ndarray | None:
    """Decodes a 16-bit PNG with imagecodecs, since Pillow reduces it to 8 bits.

    Args:
        content: The bytes of a file of any format.
        max_bytes: Maximum size of the pixels, since a small file can decompress
            to a huge size.

    Returns:
        A uint16 array of shape `(height, width, channels)`, or `None` if Pillow
        reads the stored values of the file.

    Raises:
        ImportError: If imagecodecs is not installed.
        ValueError: If the pixels exceed `max_bytes`. Damaged files raise other
            errors, too.
    """
    header = content[12:29]
    if not content.startswith(_START) or not header.startswith(b"IHDR"):
        return None
    if len(header) < 17 or header[12] != 16 or header[13] not in _CHANNELS:
        return None
    height, width = (int.from_bytes(header[at : at + 4]) for at in (8, 4))
    size = 2 * height * width * _CHANNELS[header[13]]
    if size > max_bytes:
        raise ValueError(f"its pixels take {size} bytes")
    try:
        import imagecodecs
    except ImportError as error:
        raise ImportError(
            "Reading 16-bit PNG files with several channels needs "
            'imagecodecs: `pip install "keras_contrastive[bands]"`.'
        ) from error
    return imagecodecs.png_decode(content)
