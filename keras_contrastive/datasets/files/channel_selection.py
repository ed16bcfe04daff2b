"""The channels of an image that are read, and the range of their values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.validation import check_int


def check_channels(
    channels: int | Sequence[int],
) -> int | tuple[int, ...]:
    """Returns `channels` as an int or a tuple of ints, or raises."""
    if (
        isinstance(channels, Sequence | np.ndarray)
        and not isinstance(channels, str)
        and np.ndim(channels)
    ):
        if len(channels):
            return tuple(check_int("channels", each, 0) for each in channels)
    elif channels is not None:
        return check_int("channels", channels, 1)
    raise ValueError(
        "`channels` must be the number of channels of each image, or the "
        "indices of those to read, such as (3, 2, 1). "
        f"Received: channels={channels!r}"
    )


def count_channels(channels: int | Sequence[int]) -> int:
    """The number of channels that are read."""
    return channels if isinstance(channels, int) else len(channels)


def check_value_range(
    value_range: Any, num_channels: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the low and the high value of each channel, or raises.

    Args:
        value_range: `None`, or a pair of numbers or of sequences of
            `num_channels` numbers.
        num_channels: Int, the number of channels that are read.

    Returns:
        Two float64 arrays of shape `(num_channels,)`, or `None`.
    """
    if value_range is None:
        return None
    try:
        low, high = (
            np.broadcast_to(np.asarray(bound, "float64"), num_channels)
            for bound in value_range
        )
        valid = np.isfinite([low, high]).all() and (low < high).all()
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "`value_range` must be a pair (low, high) of finite numbers, or of "
            f"sequences of {num_channels} of them, one for each channel, with "
            f"low < high. Received: value_range={value_range!r}"
        )
    return low, high


def select_channels(
    pixels: np.ndarray, channels: int | tuple[int, ...]
) -> np.ndarray:
    """The channels of an image that are read, in this order.

    Args:
        pixels: Array, shape `(height, width, channels)`.
        channels: Int, the number that the image must have; or the indices of
            the channels to read.

    Raises:
        ValueError: If the image has a different number of channels, too few,
            or channels in its first axis.
    """
    shape = pixels.shape
    advice = (
        ". If these are in the first axis, use np.moveaxis(image, 0, -1); in "
        'a TIFF, name the axes: tifffile.imwrite(..., metadata={"axes": '
        '"CYX"})'
    )
    if isinstance(channels, int):
        if shape[-1] != channels:
            raise ValueError(
                f"An image must have {channels} channels, in its last axis. "
                f"Received: shape {shape} and type {pixels.dtype}"
                + advice
                * (shape[0] == channels)
            )
        return pixels
    if shape[-1] <= max(channels):
        raise ValueError(
            f"An image must have more than {max(channels)} channels, in its "
            f"last axis, for channels={channels}. Received: shape {shape} and "
            f"type {pixels.dtype}"
        )
    # The columns of the image would be read as channels.
    if shape[0] < min(shape[1:]):
        raise ValueError(
            "An image must have its channels in the last axis. Received: "
            f"shape {shape}, whose first axis is the shortest{advice}. If that "
            "axis is the height, select the channels first: "
            "image[..., channels]"
        )
    return pixels[..., list(channels)]


def check_finite(pixels: np.ndarray) -> None:
    """Raises a `ValueError` if pixels are NaN or infinite."""
    if pixels.dtype.kind == "f":
        count = pixels.size - np.isfinite(pixels).sum()
        if count:
            raise ValueError(
                f"{count} of {pixels.size} values are NaN or infinite, "
                f"in the shape {pixels.shape}"
            )
