"""Decodes DICOM files."""

import io
import math

import numpy as np

_PREAMBLE = 128  # bytes before the word by which a file is known
_WORD = b"DICM"


def is_dicom(content: bytes) -> bool:
    """Whether bytes are those of a DICOM file."""
    return content[_PREAMBLE : _PREAMBLE + len(_WORD)] == _WORD


def decode_dicom(content: bytes, max_bytes: float) -> np.ndarray:
    """Decodes the only frame of a DICOM file with pydicom.

    Stored values become those of the file's modality, such as Hounsfield units:
    by its slope and intercept, or by its table. Images whose lowest value is
    white (MONOCHROME1) are inverted first, within the range of their bits.
    Windows, which say how to show an image, are not applied.

    Args:
        content: The bytes of the file.
        max_bytes: What the pixels may take.

    Returns:
        An array of shape `(height, width)` or `(height, width, 3)`: float32, or
        integers if the stored values are those of the modality.

    Raises:
        ImportError: If pydicom is not installed.
        ValueError: If there are several frames or none, or colors of a
            palette. Damaged files raise other errors, too.
    """
    pydicom = import_pydicom()
    file = pydicom.dcmread(io.BytesIO(content))
    frames = int(_number(file, "NumberOfFrames", 1))
    if frames != 1:
        raise ValueError(
            f"it holds {frames} frames; save those to train on as images"
        )
    kind = str(file.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        raise ValueError("its colors are those of a palette")
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
    """Exchanges the lowest and the highest of the values that may be stored."""
    if pixels.dtype.kind not in "iu":
        raise ValueError(f"it is MONOCHROME1 with pixels of {pixels.dtype}")
    if pixels.dtype.kind == "i":
        return ~pixels
    highest = 2 ** int(file.BitsStored) - 1
    return pixels.dtype.type(highest) - pixels


def _number(file, name, default):
    value = file.get(name)
    return default if value is None else float(value)
