"""Turns arrays upright, as EXIF and TIFF describe their orientation."""

from collections.abc import Callable

import numpy as np

# From the orientation, which says how the camera was held, to what turns the
# picture upright.
_TURNS: dict[int, Callable] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an array of shape `(height, width, ...)`, as a view of it.

    Args:
        pixels: The array as it is stored.
        orientation: The tag of EXIF and TIFF, 1 to 8. Others are ignored, as
            by other programs.
    """
    turn = _TURNS.get(orientation)
    return pixels if turn is None else turn(pixels)
