"""Reads images as arrays of one shape and dtype."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.datasets.files.channel_selection import check_channels
from keras_contrastive.datasets.files.channel_selection import check_finite
from keras_contrastive.datasets.files.channel_selection import check_value_range
from keras_contrastive.datasets.files.channel_selection import count_channels
from keras_contrastive.datasets.files.channel_selection import select_channels
from keras_contrastive.datasets.files.image_files import check_image_size
from keras_contrastive.datasets.files.image_files import import_pillow
from keras_contrastive.datasets.files.image_sources import read_image
from keras_contrastive.datasets.files.resize_center import resize_center
from keras_contrastive.datasets.files.stored_pixels import read_stored


class PixelReader:
    """Reads, resizes and scales images in any form.

    With `channels=3` and no `value_range`, every image is converted to 8-bit
    RGB by `read_image`. Otherwise images are read as stored, without any
    conversion of colors (`read_stored`). Each channel is resized separately, as
    in `load_image`: cropped to the center, bicubic and antialiased.

    Args:
        image_size: Int or `(height, width)` of the result, in pixels.
        channels: Int, the number of channels that each image must have; or the
            indices of the channels to read, in this order.
        value_range: Pair (low, high) of numbers, or of sequences of one number
            per channel that is read: the values that are mapped to 0 and 1.
            Values outside are clipped, before and after resizing. `None` leaves
            uint8 pixels unchanged.

    Attributes:
        shape: `(height, width, channels)` of the result.
        dtype: `"uint8"`, or `"float32"` with a `value_range`.
    """

    def __init__(
        self,
        image_size: int | tuple[int, int],
        channels: int | Sequence[int] = 3,
        value_range: Any = None,
    ):
        self.image_size = check_image_size(image_size)
        self.channels = check_channels(channels)
        num_channels = count_channels(self.channels)
        self.value_range = check_value_range(value_range, num_channels)
        self.shape = (*self.image_size, num_channels)
        self.dtype = "uint8" if value_range is None else "float32"
        self.is_rgb = reads_rgb(self.channels, value_range)

    def read(self, image: Any) -> np.ndarray:
        """Returns an image as an array of `shape` and `dtype`.

        Args:
            image: An image in any form that `read_image` or `read_stored`
                accepts.

        Raises:
            OSError: If the file cannot be read.
            ImportError: If the package that reads the format is not installed.
            ValueError: If the image has another form, is damaged, has another
                number of channels, NaN or infinite values; or is not uint8
                and there is no `value_range`.
        """
        if self.is_rgb:
            return read_image(image, self.image_size)
        pixels = select_channels(read_stored(image), self.channels)
        if self.value_range is None and pixels.dtype != "uint8":
            raise ValueError(
                f"Pixels of {pixels.dtype} need `value_range`, the values that "
                "become 0 and 1, such as (0, 10000). "
                "keras_contrastive.datasets.channel_statistics finds it."
            )
        check_finite(pixels)
        resized: np.ndarray = np.empty(self.shape, self.dtype)
        for channel in range(self.shape[-1]):
            resized[..., channel] = self._resized(pixels[..., channel], channel)
        return resized

    def _resized(self, plane, channel):
        if self.value_range is not None:
            low, high = (bounds[channel] for bounds in self.value_range)
            plane = scale_to_unit(plane, low, high).astype("float32")
        plane = import_pillow().fromarray(np.ascontiguousarray(plane))
        plane = np.asarray(resize_center(plane, *self.image_size))
        # Bicubic interpolation overshoots the values that it interpolates.
        # Pillow clips uint8 results itself.
        return plane if plane.dtype == "uint8" else np.clip(plane, 0, 1)


def reads_rgb(channels: Any, value_range: Any) -> bool:
    """Whether every image is converted to 8-bit RGB, as by default."""
    return value_range is None and isinstance(channels, int) and channels == 3


def scale_to_unit(pixels: np.ndarray, low: Any, high: Any) -> np.ndarray:
    """Maps `low` to 0 and `high` to 1 in float64, and clips to [0, 1]."""
    return np.clip(
        np.subtract(pixels, low, dtype="float64") / (high - low), 0, 1
    )
