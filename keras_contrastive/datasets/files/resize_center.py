"""Resizes the centers of images, bicubic and antialiased."""

import functools
from typing import Any

import keras
import numpy as np

# Pillow resizes images up to this size: below it, calling PyTorch costs more
# time than it saves.
SMALL_IMAGE = 128 * 128
# Pillow resizes longer images, since PyTorch also resizes the pixels outside of
# the center.
LONGEST_FOR_PYTORCH = 2


def resize_center(image: Any, height: int, width: int) -> Any:
    """Resizes the largest centered region of the result's aspect ratio.

    The region starts at a whole pixel of the result, as if the whole image were
    resized and then cropped.

    Args:
        image: Pillow image of mode L, F, RGB or RGBA.
        height: Int, pixels of the result.
        width: Int, pixels of the result.

    Returns:
        Pillow image of that size and of the same mode.
    """
    from PIL import Image

    size = (image.height, image.width)
    if image.mode == "RGB" and is_fast_in_pytorch(size, height, width):
        return Image.fromarray(resize_center_rgb(image, height, width))
    scale, top, left = _region(size, height, width)
    # Rounding must not move the region beyond the image.
    bottom = min(scale * (top + height), image.height)
    right = min(scale * (left + width), image.width)
    box = (scale * left, scale * top, right, bottom)
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def resize_center_rgb(image: Any, height: int, width: int) -> np.ndarray:
    """`resize_center` in PyTorch, for sizes that `is_fast_in_pytorch`.

    For images with the spectrum of photographs, one value in 200 differed from
    Pillow's, by at most two levels. For tall images that are enlarged or
    cropped wide, one value in four differed, by at most nine levels: Pillow
    filters their columns first, and both round between the two filters.

    Args:
        image: uint8 array of shape `(height, width, 3)`, or a Pillow image of
            mode RGB.
        height: Int, pixels of the result.
        width: Int, pixels of the result.

    Returns:
        uint8 array of shape `(height, width, 3)`.
    """
    import torch

    pixels = np.asarray(image)
    if not pixels.flags.writeable:  # PyTorch warns of read-only arrays
        pixels = pixels.copy()
    scale, top, left = _region(pixels.shape, height, width)
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(pixels).permute(2, 0, 1)[None],
        # Without the last term, rounding could lose a row.
        scale_factor=(1 + 1e-9) / scale,
        mode="bicubic",
        antialias=True,
    )
    resized = resized[0, :, top : top + height, left : left + width]
    return np.ascontiguousarray(resized.permute(1, 2, 0).numpy())


def is_fast_in_pytorch(size: tuple[int, ...], height: int, width: int) -> bool:
    """Whether `resize_center_rgb` supports this image size and is faster."""
    if size[0] * size[1] <= SMALL_IMAGE or not _pytorch_is_vectorized():
        return False
    ratios = size[0] / height, size[1] / width
    return max(ratios) < LONGEST_FOR_PYTORCH * min(ratios)


@functools.cache
def _pytorch_is_vectorized():
    """Whether PyTorch is the backend, with vector code for this processor."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.backends.cpu.get_cpu_capability().startswith("AVX")


def _region(size, height, width):
    """Scale, top and left; top and left are in pixels of the result."""
    scale = min(size[0] / height, size[1] / width)
    # The last term keeps rounding from moving the region by a pixel.
    top = int((size[0] / scale - height) / 2 + 1e-9)
    left = int((size[1] / scale - width) / 2 + 1e-9)
    return scale, top, left
