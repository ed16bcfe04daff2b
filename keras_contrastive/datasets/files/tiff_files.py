"""Decodes TIFF files with any number of channels and any dtype."""

import importlib.util
import io
import math

import numpy as np

from keras_contrastive.datasets.files.upright import turn_upright

# TIFF and BigTIFF, in both byte orders.
STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MOST_PAGES = 10_000
_ORIENTATION = 274
# Photometric interpretations.
_WHITE_IS_ZERO = 0
_READ = {_WHITE_IS_ZERO, 1, 2, 6}  # gray, RGB, and YCbCr, which becomes RGB


def decode_tiff(content: bytes, max_bytes: float) -> np.ndarray:
    """Decodes the first image of a TIFF file with tifffile.

    The channels may be interleaved, in planes, or in pages. The axis of the
    pages must be named as channels (`axes="CYX"`, as in OME and ImageJ) or have
    no name.

    Args:
        content: The bytes of the file.
        max_bytes: Maximum size of the pixels, since a small file can decompress
            to a huge size.

    Returns:
        An array of shape `(height, width)` or `(height, width, channels)`. Gray
        images that store white as zero are inverted.

    Raises:
        ImportError: If tifffile is not installed.
        ValueError: If the file is a stack, has palette or ink colors, or lacks
            pixels. Damaged files raise other errors, too.
    """
    tifffile = import_tifffile()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        # Counting the pages detects cycles among them.
        if len(file.pages) > MOST_PAGES:
            raise ValueError(f"it has {len(file.pages)} pages")
        series = file.series[0]
        page = series.keyframe
        size = math.prod(series.shape) * series.dtype.itemsize
        if size > max_bytes:
            raise ValueError(f"its pixels take {size} bytes")
        if page.photometric not in _READ:
            raise ValueError(
                "its values must be channel intensities. Received: "
                f"photometric={page.photometric!r}"
            )
        _check_complete(series, len(content))
        channel_axis = _channel_axis(series)
        try:
            pixels = series.asarray(maxworkers=1)
        except ValueError as error:
            if "imagecodecs" in str(error) and not _has_imagecodecs():
                raise ImportError(
                    f"Reading this TIFF needs imagecodecs ({error}). Install "
                    'it with `pip install "keras_contrastive[bands]"`.'
                ) from error
            raise
        if channel_axis is not None:
            pixels = np.moveaxis(pixels, channel_axis, -1)
        if page.photometric == _WHITE_IS_ZERO:
            pixels = _inverted(pixels, page.bitspersample)
        orientation = page.tags.valueof(_ORIENTATION, 1)
    return turn_upright(pixels, orientation)


def import_tifffile():
    """Returns the module `tifffile`."""
    try:
        import tifffile
    except ImportError as error:
        raise ImportError(
            "Reading TIFF files with `channels` or `value_range` needs "
            'tifffile: `pip install "keras_contrastive[bands]"`.'
        ) from error
    return tifffile


def _has_imagecodecs():
    return importlib.util.find_spec("imagecodecs") is not None


def _channel_axis(series):
    """The axis of the channels; `None` if it is the last or there is none.

    S are the samples of a pixel, C pages named as channels, I pages without a
    name. Q are axes of an array that tifffile saved without names.
    """
    axes = series.axes
    channels = [axis for axis in axes if axis not in "YX"]
    if not channels or axes.endswith("YXS"):
        channels = channels[:-1]
        if not channels:
            return None
    elif "Q" in axes and len(axes) == 3:
        return None  # keeps the axes of the saved array, as for a .npy
    elif len(channels) == 1 and channels[0] in "SCI":
        return axes.index(channels[0])
    raise ValueError(
        "it must hold one image, with the axes Y, X and possibly one of "
        f"channels, C or S. Received: axes {axes} of the lengths "
        f"{tuple(series.shape)}"
    )


def _check_complete(series, size):
    """Raises if pixels are missing from the file.

    tifffile would replace them with zeros.
    """
    if series.dataoffset is not None:
        end = series.dataoffset + math.prod(series.shape) * (
            series.dtype.itemsize
        )
        complete = end <= size
    else:
        complete = all(
            page is not None
            # A damaged size can imply a huge number of strips or tiles.
            and math.prod(page.chunked)
            == len(page.databytecounts)
            == len(page.dataoffsets)
            and all(
                0 < offset and 0 < count and offset + count <= size
                for offset, count in zip(
                    page.dataoffsets, page.databytecounts, strict=True
                )
            )
            for page in series.pages
        )
    if not complete:
        raise ValueError("pixels are missing")


def _inverted(pixels, bits):
    if pixels.dtype.kind == "b":
        return ~pixels
    if pixels.dtype.kind != "u":
        raise ValueError(f"white is 0, but the pixels are {pixels.dtype}")
    return pixels.dtype.type(2**bits - 1) - pixels
