"""Gray and hue."""

import numpy as np

# ITU-R BT.601, as in Pillow; they sum to 1, so that gray values do not change.
LUMINANCE_WEIGHTS = (0.299, 0.587, 0.114)
# Prevents a division by a chroma of 0. It changes no other chroma in float32,
# not even 1e-10 of an image's range.
TINY = 1e-20


def clip(backend, values, low, high):
    """Limits values to an interval between two Python numbers."""
    if backend.name == "torch":
        # Keras passes the bounds as tensors, which takes ten times as long on
        # a CPU, and copies both of them to a GPU.
        return values.clamp(low, high)
    return backend.numpy.clip(values, low, high)


def luminance(images, rgb=(0, 1, 2)):
    """The gray image, `0.299 R + 0.587 G + 0.114 B`, channels last.

    `rgb` are the places of R, G and B in the last axis.
    """
    red, green, blue = (
        weight * images[..., channel]
        for weight, channel in zip(LUMINANCE_WEIGHTS, rgb, strict=True)
    )
    return red + green + blue


def rotate_hue(backend, planes, turn):
    """Shifts the hue by a fraction of the circle; keeps saturation and value.

    With value `v = max(R, G, B)` and chroma `c = v - min(R, G, B)`, a channel
    whose primary lies at distance `d` from the hue (in turns, at most 1/2) is

    `v - c clip(6 d - 1, 0, 1)`

    Args:
        backend: The Keras backend module that owns the tensors.
        planes: Tensor of shape `(batch, 3, pixels)`, a plane per channel:
            operations across the channels are slow on an axis of length 3.
        turn: Tensor of shape `(batch, 1)`, in turns of the hue circle.

    Returns:
        Tensor of shape `(batch, 3, pixels)`.
    """
    ops = backend.numpy
    red, green, blue = (planes[:, channel] for channel in range(3))
    value = ops.maximum(ops.maximum(red, green), blue)
    chroma = value - ops.minimum(ops.minimum(red, green), blue)
    # Products with 0 and 1 instead of `where`, which takes PyTorch's CPU and
    # TensorFlow several times as long; so do booleans as floats on PyTorch.
    is_not_red = ops.sign(value - red)
    is_not_green = ops.sign(value - green)
    sextant = (1 - is_not_red) * (green - blue) + is_not_red * (
        (1 - is_not_green) * (blue - red + 2 * chroma)
        + is_not_green * (red - green + 4 * chroma)
    )
    # Gray pixels have no hue, so any finite value works.
    hue = sextant / (6 * chroma + TINY) + turn

    primaries = ops.reshape(np.float32([0, 1 / 3, 2 / 3]), (3, 1))
    distance = hue[:, None] - primaries
    distance = ops.abs(distance - ops.round(distance))
    lack = clip(backend, 6 * distance - 1, 0, 1)
    return value[:, None] - chroma[:, None] * lack
