"""Colour as three planes, each of shape `(batch, height, width)`.

Operations across the channels are slow on an innermost axis of length 3.
"""

# ITU-R BT.601, as in Pillow; they sum to 1, so that a gray stays what it is.
LUMINANCE_WEIGHTS = (0.299, 0.587, 0.114)


def split_channels(images):
    """The planes of images of shape `(batch, height, width, 3)`."""
    return [images[..., channel] for channel in range(3)]


def luminance(planes):
    """The gray image, `0.299 R + 0.587 G + 0.114 B`."""
    red, green, blue = planes
    weights = LUMINANCE_WEIGHTS
    return weights[0] * red + weights[1] * green + weights[2] * blue


def rotate_hue(backend, planes, turn):
    """Shifts the hue by a fraction of the circle; saturation and value stay.

    With value `v = max(R, G, B)` and chroma `c = v - min(R, G, B)`, a channel
    whose primary lies at distance `d` from the hue (in turns, at most 1/2) is

    `v - c clip(6 d - 1, 0, 1)`

    Args:
        backend: The Keras backend module that owns the tensors.
        planes: List of three tensors of shape `(batch, height, width)`.
        turn: Tensor that broadcasts with them, in turns of the hue circle.

    Returns:
        List of three tensors of shape `(batch, height, width)`.
    """
    ops = backend.numpy
    red, green, blue = planes
    value = ops.maximum(ops.maximum(red, green), blue)
    chroma = value - ops.minimum(ops.minimum(red, green), blue)
    sextant = ops.where(
        value == red,
        green - blue,
        ops.where(
            value == green, blue - red + 2 * chroma, red - green + 4 * chroma
        ),
    )
    # Gray pixels have no hue; any will do, as long as it is finite.
    hue = sextant / ops.where(chroma > 0, 6 * chroma, 1.0) + turn

    def channel(primary):
        distance = hue - primary
        distance = ops.abs(distance - ops.round(distance))
        return value - chroma * ops.clip(6 * distance - 1, 0, 1)

    return [channel(primary) for primary in (0, 1 / 3, 2 / 3)]
