"""Turns arrays upright, as EXIF and TIFF describe their orientation."""

from collections.abc import Callable

import numpy as np

# From the orientation, which records how the camera was held, to the
# transformation that turns the picture upright.
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
    """Returns an upright view of an array of shape `(height, width, ...)`.

    Args:
        pixels: The stored array.
        orientation: The EXIF or TIFF tag, 1 to 8. Other values are ignored, as
            in other programs.
    """
    turn = _TURNS.get(orientation)
    return pixels if turn is None else turn(pixels)
