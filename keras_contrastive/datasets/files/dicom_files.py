"""Decodes DICOM files."""

import io
import math

import numpy as np

_PREAMBLE = 128  # bytes before the signature of the format
_WORD = b"DICM"


def is_dicom(content: bytes) -> bool:
    """Whether the bytes are a DICOM file."""
    return content[_PREAMBLE : _PREAMBLE + len(_WORD)] == _WORD


def decode_dicom(content: bytes, max_bytes: float) -> np.ndarray:
    """Decodes the only frame of a DICOM file with pydicom.

    The file's rescale slope and intercept, or its lookup table, map the stored
    values to those of the modality, such as Hounsfield units. Before that,
    images whose lowest value is white (MONOCHROME1) are inverted within the
    range of their bits. Display windows are not applied.

    Args:
        content: The bytes of the file.
        max_bytes: Maximum size of the pixels.

    Returns:
        An array of shape `(height, width)` or `(height, width, 3)`: float32, or
        integers if the stored values need no mapping.

    Raises:
        ImportError: If pydicom is not installed.
        ValueError: If the file does not hold exactly one frame, or uses a color
            palette. Damaged files raise other errors, too.
    """
    pydicom = import_pydicom()
    file = pydicom.dcmread(io.BytesIO(content))
    frames = int(_number(file, "NumberOfFrames", 1))
    if frames != 1:
        raise ValueError(
            f"it holds {frames} frames; save each frame to train on as an image"
        )
    kind = str(file.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        raise ValueError("it uses a color palette")
    size = math.prod(
        int(_number(file, name, 1))
        for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    )
    if size / 8 > max_bytes:
        raise ValueError(f"its pixels take {size // 8} bytes")
    pixels = pydicom.pixels.pixel_array(file)
    if kind == "MONOCHROME1":
        pixels = _inverted(pixels, file)
    if "ModalityLUTSequence" in file:
        return pydicom.pixels.apply_modality_lut(pixels, file)
    slope = _number(file, "RescaleSlope", 1)
    intercept = _number(file, "RescaleIntercept", 0)
    if (slope, intercept) == (1, 0):
        return pixels
    return (pixels * slope + intercept).astype("float32")


def import_pydicom():
    """Returns the module `pydicom`."""
    try:
        import pydicom
        import pydicom.pixels
    except ImportError as error:
        raise ImportError(
            "Reading DICOM files needs pydicom 3: "
            '`pip install "keras_contrastive[dicom]"`.'
        ) from error
    return pydicom


def _inverted(pixels, file):
    """Inverts pixels within the range of their stored bits."""
    if pixels.dtype.kind not in "iu":
        raise ValueError(f"it is MONOCHROME1 with pixels of {pixels.dtype}")
    if pixels.dtype.kind == "i":
        return ~pixels
    highest = 2 ** int(file.BitsStored) - 1
    return pixels.dtype.type(highest) - pixels


def _number(file, name, default):
    value = file.get(name)
    return default if value is None else float(value)
