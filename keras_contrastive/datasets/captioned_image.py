"""An image with the captions that people gave it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

from keras_contrastive.datasets.arguments import short_repr


class CaptionedImage(NamedTuple):
    """One photograph and all its captions.

    Attributes:
        image: path of the image file, or an image in any other form that
            `ImageTextDataset` takes.
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

    image: Any
    captions: tuple[str, ...]
    image_id: int


def take_record(records, index: int, argument: str = "records"):
    """`records[index]`, or a `ValueError` where that fails.

    Sequences that decode images on access, such as those of Hugging Face,
    raise errors of many types where an image is damaged.
    """
    try:
        return records[index]
    except (ValueError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(
            f"{argument}[{index}] raises {type(error).__name__}: {error}"
        ) from error


def as_captioned_image(
    record, index: int, argument: str = "records"
) -> CaptionedImage:
    """A record of any accepted form as a `CaptionedImage`.

    Args:
        record: a `CaptionedImage`, or a mapping with `"image"` (see
            `read_image`), `"captions"` (strings or UTF-8 bytes; blank ones
            are left out) and possibly `"image_id"`.
        index: int, the record's place, which is its id if it has none.
        argument: str, name of the argument that holds the record.

    Raises:
        ValueError: if it is something else, or has no caption.
    """
    check_form(record, index, argument)
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
        # JAX has no 64-bit integers by default: it would cut them off.
        raise ValueError(
            "`image_id` must be an integer that fits into 32 bits. Received: "
            f"image_id={image_id!r} in {argument}[{index}]"
        )
    return CaptionedImage(image, captions, int(image_id))


def check_columns(records):
    """Raises if the first record is a row that lacks columns, as all will."""
    try:
        record = take_record(records, 0)
    except ValueError:
        return  # counted later, like other bad records
    if isinstance(record, Mapping):
        check_form(record, 0)


def check_form(record, index: int, argument: str = "records"):
    """Raises unless it is a record, whatever its fields hold."""
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
    """Those that say something, as a tuple of strings."""
    if isinstance(captions, str | bytes | Mapping):
        captions = [captions]
    try:
        captions = list(captions)
    except TypeError:  # a single value that is no string
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
        # Not `str(caption)`: a missing value is no caption "nan".
        if isinstance(caption, str):
            caption.encode()
            return caption
    except UnicodeError:  # bytes of another encoding, or half of a pair
        pass
    return None


def describe(record, index: int, argument: str = "records") -> str:
    """The name in a message of a record, whether it is valid or not."""
    image = getattr(record, "image", None)
    if isinstance(record, Mapping):
        image = record.get("image")
    name = f"{argument}[{index}]"
    # Several records may have one image: each counts.
    return f"{name}, {image}" if isinstance(image, str | Path) else name
