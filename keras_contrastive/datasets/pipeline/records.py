"""Records of any accepted form, parsed and checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.short_repr import short_repr


class ImageRecord(NamedTuple):
    """An image, in any form that `read_image` accepts."""

    image: Any


def take_record(records, index: int, argument: str = "records"):
    """Returns `records[index]`; any failure becomes a `ValueError`.

    Sequences that decode images on access, such as those of Hugging Face,
    raise errors of many types on a damaged image.
    """
    try:
        return records[index]
    except (ValueError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(
            f"{argument}[{index}] raises {type(error).__name__}: {error}"
        ) from error


def as_image_record(record) -> ImageRecord:
    """The image of a `CaptionedImage` or a row; other records are images."""
    if isinstance(record, CaptionedImage):
        record = record.image
    elif isinstance(record, Mapping) and "image" in record:
        record = record["image"]
    return ImageRecord(record)


def as_captioned_image(
    record, index: int, argument: str = "records"
) -> CaptionedImage:
    """Converts a record of any accepted form to a `CaptionedImage`.

    Args:
        record: A `CaptionedImage`, or a mapping with `"image"` (see
            `read_image`), `"captions"` (strings or UTF-8 bytes; blank ones
            are dropped) and optionally `"image_id"`.
        index: Int, position of the record. Default for `image_id`.
        argument: Name of the argument that holds the records, for messages.

    Raises:
        ValueError: If the record has another form, or has no caption.
    """
    _check_form(record, index, argument)
    if isinstance(record, CaptionedImage):
        image, captions, image_id = record
    else:
        image, captions = record["image"], record["captions"]
        image_id = record.get("image_id", index)
    captions = _texts(captions, f"{argument}[{index}]")
    if not captions:
        raise ValueError(
            "Every record needs a caption. Received: "
            f"{argument}[{index}]={short_repr(record)}"
        )
    try:
        valid = int(image_id) == image_id and -(2**31) <= image_id < 2**31
    except (TypeError, ValueError, OverflowError):
        valid = False
    if not valid:
        # JAX truncates 64-bit integers by default.
        raise ValueError(
            "`image_id` must be an integer that fits into 32 bits. Received: "
            f"image_id={image_id!r} in {argument}[{index}]"
        )
    return CaptionedImage(image, captions, int(image_id))


def check_caption_columns(records):
    """Raises if the first record is a row without image or captions.

    All rows then lack the same columns, so the argument is invalid and not a
    single record.
    """
    if getattr(records, "has_captions", True) is False:
        raise ValueError(
            "`records` must have captions. Name their column: "
            f"`image_records(..., captions=...)`. Received: {records!r}"
        )
    row = _first_row(records, "records")
    if row is not None:
        _check_form(row, 0, "records")


def check_image_column(images):
    """Raises if the first record is a row without an image."""
    row = _first_row(images, "images")
    if row is None or "image" in row or {"bytes", "path"}.issuperset(row):
        return
    raise ValueError(
        "`images` must hold images, or dicts with an 'image'. Received: "
        f"images[0] with {list(row)}. Pass only the column of images, "
        "such as dataset['img']."
    )


def describe(record, index: int, argument: str = "records") -> str:
    """The name of a record in messages, whether the record is valid or not."""
    image = getattr(record, "image", None)
    if isinstance(record, Mapping):
        image = record.get("image")
    # Starts with the index: two records of the same file are two bad records.
    name = f"{argument}[{index}]"
    return f"{name}, {image}" if isinstance(image, str | Path) else name


def _first_row(records, argument):
    """The first record if it is a mapping and can be read."""
    try:
        record = take_record(records, 0, argument)
    except ValueError:
        return None  # counted later as a bad record
    return record if isinstance(record, Mapping) else None


def _check_form(record, index, argument):
    """Raises unless the value is a record, regardless of its fields."""
    if isinstance(record, CaptionedImage):
        return
    if isinstance(record, Mapping) and {"image", "captions"} <= set(record):
        return
    keys = f", with {list(record)}" if isinstance(record, Mapping) else ""
    raise ValueError(
        f"`{argument}` must hold `CaptionedImage`s or dicts with 'image' and "
        f"'captions'. Received: {argument}[{index}]={short_repr(record)}{keys}"
    )


def _texts(captions, record_name):
    """The captions that are not blank, as a tuple of strings."""
    if isinstance(captions, str | bytes | Mapping):
        captions = [captions]
    try:
        captions = list(captions)
    except TypeError:  # a single value that is not a string
        captions = [captions]
    texts = []
    for caption in captions:
        text = _text(caption)
        if text is None:
            raise ValueError(
                "`captions` must be strings, or bytes in UTF-8. Received: "
                f"{short_repr(caption)} in {record_name}"
            )
        if text.strip():
            texts.append(text)
    return tuple(texts)


def _text(caption):
    """The caption as a string that tokenizers can encode, or `None`."""
    try:
        if isinstance(caption, bytes):
            return caption.decode()
        # Not `str(caption)`: a missing value must not become the caption "nan".
        if isinstance(caption, str):
            caption.encode()
            return caption
    except UnicodeError:  # not UTF-8, or an unpaired surrogate
        pass
    return None
