"""Images in any form: paths, bytes, Pillow images and arrays."""

import os
import threading
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_contrastive.datasets.files.image_files import import_pillow
from keras_contrastive.datasets.files.image_files import load_image
from keras_contrastive.datasets.files.image_files import resize_image
from keras_contrastive.datasets.short_repr import short_repr

# Pillow decodes an opened image in place on first use.
_pillow_lock = threading.Lock()


def read_image(image: Any, image_size: int | tuple[int, int]) -> np.ndarray:
    """Reads and resizes an image in any form, as `load_image` does for files.

    Args:
        image: One of:

            - The path of a file, or its bytes.
            - A dict of `"bytes"` and `"path"`, either of which may be `None`,
              as in Hugging Face's data sets with `decode=False`.
            - A Pillow image.
            - An array or tensor of shape `(height, width)` or `(height, width,
              channels)` with 1 channel, 2 (gray and alpha), 3 or 4 (RGB and
              alpha): uint8, bool, uint16 (65535 is white), other integers
              from 0 to 255, or floats from 0 to 1.
        image_size: Int or `(height, width)` of the result, in pixels.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the image has another form, or is damaged.
    """
    if isinstance(image, Mapping):
        image = content_of(image)
    if isinstance(image, os.PathLike):
        image = os.fsdecode(image)
    if isinstance(image, str | bytes | bytearray | memoryview):
        return load_image(image, image_size)
    pillow = import_pillow()
    if isinstance(image, pillow.Image):
        if image.mode == "I" and image.format is None:
            # Images of this mode from files have 16 bits.
            raise ValueError(
                "A Pillow image of 32-bit integers does not define which "
                "value is white. Convert it to an array of uint8 or uint16. "
                "Received: mode='I'"
            )
        image = decoded(image)
    else:
        image = pillow.fromarray(_pixels(image))
    return resize_image(image, image_size)


def content_of(image: Mapping) -> Any:
    """The bytes in a dict of `"bytes"` and `"path"`; the path if missing."""
    if not {"bytes", "path"}.issuperset(image):
        raise no_image(image)
    content = image.get("bytes")
    content = image.get("path") if content is None else content
    if content is None:
        raise no_image(image)
    return content


def decoded(image: Any) -> Any:
    """A decoded copy of a Pillow image, safe to use in this thread."""
    try:
        with _pillow_lock:
            return image.copy()
    except Exception as error:  # of any type, depending on the damage
        raise ValueError(
            f"The image {image!r} cannot be decoded: {error}"
        ) from error


def _pixels(image):
    """Converts an array to a shape and dtype that Pillow accepts."""
    array = as_array(image)
    shape = array.shape
    if array.ndim == 3 and shape[-1] == 1:
        array = array[..., 0]
    valid = array.ndim == 2 or array.ndim == 3 and shape[-1] in (2, 3, 4)
    if not valid or not array.size:
        raise no_image(image)
    if array.dtype == "uint8":
        return array
    if array.dtype == "uint16":
        return (array // 256).astype("uint8")
    kind = array.dtype.kind
    if kind not in "biuf":
        raise no_image(image)
    if kind == "f":
        array = np.rint(255 * array)
        expected = "floats from 0 to 1"
    else:
        array = 255 * array if kind == "b" else array
        expected = "uint8, uint16, or other integers from 0 to 255"
    if not np.all((array >= 0) & (array <= 255)):  # False for NaN, too
        raise ValueError(
            f"The values of an image must be {expected}. "
            f"Received: {short_repr(image)}, with others"
        )
    return array.astype("uint8")


def as_array(image: Any) -> np.ndarray:
    """The values of an array or tensor of any library, or of nested lists."""
    try:
        if keras.ops.is_tensor(image):
            image = keras.ops.convert_to_numpy(image)
        return np.asarray(image)
    except Exception as error:  # raised by another library's array
        raise no_image(image) from error


def no_image(image: Any) -> ValueError:
    """The error for a value that is not an image in any form."""
    shape = tuple(getattr(image, "shape", ()))
    is_turned = len(shape) == 3 and shape[0] <= 4 < shape[2]
    hint = ". Channels come last: transpose it" if is_turned else ""
    return ValueError(
        "An image must be the path of a file, the bytes of one, a dict of "
        "'bytes' and 'path', a Pillow image, or an array of shape (height, "
        "width) or (height, width, channels) with 1 to 4 channels, or with the "
        "number in `channels`. "
        f"Received: {short_repr(image)}{hint}"
    )
