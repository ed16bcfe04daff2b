"""An image with the captions that people gave it."""

from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_contrastive.datasets.image_files import load_image


class CaptionedImage(NamedTuple):
    """One photograph and all its captions.

    Attributes:
        image: path of the image file.
        captions: tuple of strings, the captions in the order of the files.
        image_id: int. Records of the same image share it.

    Example:
        ```python
        import keras_contrastive as kc

        record = kc.datasets.CaptionedImage(
            "photographs/1.jpg", ("two dogs", "a wet dog and a dry one"), 1
        )
        print(record.captions[0])
        ```
    """

    image: str | Path
    captions: tuple[str, ...]
    image_id: int


def as_captioned_image(record, index: int) -> CaptionedImage:
    """A record of any accepted form as a `CaptionedImage`.

    Args:
        record: a `CaptionedImage`, or a mapping with `"image"` (the path of a
            file, the bytes of one, or a uint8 array), `"captions"` (strings
            or UTF-8 bytes, of which blank ones are left out) and possibly
            `"image_id"`.
        index: int, the record's place, which is its id if it has none.

    Raises:
        ValueError: if it is something else, or has no caption.
    """
    if isinstance(record, CaptionedImage):
        image, captions, image_id = record
    elif isinstance(record, Mapping) and {"image", "captions"} <= set(record):
        image, captions = record["image"], record["captions"]
        image_id = record.get("image_id", index)
    else:
        raise ValueError(
            "`records` must hold `CaptionedImage`s or dicts with 'image' and "
            f"'captions'. Received: records[{index}]={_short(record)}"
        )
    captions = _texts(captions, index)
    if not captions:
        raise ValueError(
            "Every record needs a caption. Received: "
            f"records[{index}]={_short(record)}"
        )
    try:
        valid = int(image_id) == image_id and -(2**31) <= image_id < 2**31
    except (TypeError, ValueError, OverflowError):
        valid = False
    if not valid:
        # JAX has no 64-bit integers by default: it would cut them off.
        raise ValueError(
            "`image_id` must be an integer that fits into 32 bits. Received: "
            f"image_id={image_id!r} in records[{index}]"
        )
    return CaptionedImage(image, captions, int(image_id))


def _texts(captions, index):
    """Those that say something, as a tuple of strings."""
    if isinstance(captions, str | bytes):
        captions = (captions,)
    texts = []
    for caption in captions if isinstance(captions, Iterable) else [captions]:
        try:
            text = (
                str(caption, "utf-8") if isinstance(caption, bytes) else caption
            )
        except UnicodeDecodeError:
            text = None
        # Not `str(text)`: a missing value is no caption "nan".
        if not isinstance(text, str):
            raise ValueError(
                "`captions` must be strings, or bytes in UTF-8. Received: "
                f"{_short(caption)} in records[{index}]"
            )
        if text.strip():
            texts.append(text)
    return tuple(texts)


def read_image(image, image_size: int | tuple[int, int]) -> np.ndarray:
    """`load_image` for arrays too: uint8, shape `(height, width, 3 or 1)`."""
    if isinstance(image, np.ndarray):
        image = _as_file(image)
    return load_image(image, image_size)


def describe(record, index: int) -> str:
    """The name in a message of a record, whether it is valid or not."""
    image = getattr(record, "image", None)
    return str(image) if isinstance(image, str | Path) else f"records[{index}]"


def _as_file(array):
    """The array as the bytes of a PNM file, which is a header and the array."""
    channels = array.shape[-1] if array.ndim == 3 else None
    if array.dtype != np.uint8 or channels not in (1, 3):
        raise ValueError(
            "An image must be the path of a file, the bytes of one, or a "
            "uint8 array of shape (height, width, 3) or (height, width, 1). "
            f"Received: an array of shape {array.shape} and type {array.dtype}"
        )
    height, width = array.shape[:2]
    kind = 6 if channels == 3 else 5
    return b"P%d %d %d 255\n" % (kind, width, height) + array.tobytes()


def _short(value):
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
