"""Resizing a part of one axis with an antialiasing filter."""

import math

from keras_contrastive.layers.image_augmentation.filter_axis import filter_axis
from keras_contrastive.layers.image_augmentation.filter_axis import gather_axis

# Radius of the filters, in pixels of the smaller of input and output.
RADIUS = {"bilinear": 1, "bicubic": 2}
# Approximate number of multiplications that a matrix product does in the time
# of gathering one pixel.
PRODUCTS_PER_TAP = 50


def resize_axis(backend, images, axis, **part):
    """Resizes a part of an axis and returns a part of the result.

    Args:
        backend: The Keras backend module that owns the tensors.
        images: Tensor of shape `(batch, height, width, channels)`.
        axis: 1 or 2.
        part: The arguments of `taps_of_part` from `start` on.

    Returns:
        Tensor like `images`, with `output_size` pixels along `axis`.
    """
    input_size = images.shape[axis]
    if input_size is None:
        input_size = backend.shape(images)[axis]
    taps = taps_of_part(backend, input_size, **part)
    return sum_taps(backend, images, axis, taps)


def sum_taps(backend, images, axis, taps):
    """The weighted sums of pixels that `taps_of_part` describes."""
    if "index" in taps:
        return gather_axis(backend, images, **taps, axis=axis)
    return filter_axis(backend, images, taps["weights"], axis)


def has_few_taps(input_size, output_size, interpolation):
    """Whether gathering pixels is faster than a product with a matrix."""
    taps = _num_taps(input_size, output_size, interpolation)
    return taps * PRODUCTS_PER_TAP < input_size


def taps_of_part(
    backend,
    input_size,
    start,
    size,
    output_size,
    interpolation,
    resized_size=None,
    offset=0,
):
    """The pixels and weights of a resized part of an axis.

    `out_i = sum_x k((x + 1/2 - c_i) / s) image_x / sum_x k(...)`, as described
    in `RandomResizedCrop`.

    Args:
        backend: The Keras backend module that owns the tensors.
        input_size: Number of pixels of the axis, an int, or a tensor if it is
            not known yet.
        start: Int tensor of shape `(batch or 1,)`, first pixel that is resized.
        size: Int tensor of shape `(batch or 1,)`, number of pixels resized.
        output_size: Int, pixels of the output.
        interpolation: `"bilinear"` or `"bicubic"`.
        resized_size: Int, how many pixels the part is resized to. Defaults to
            `output_size`.
        offset: Int, the first resized pixel in the output.

    Returns:
        Dict of `"weights"`, of shape `(batch or 1, output, pixels)`: of all
        pixels, or if `has_few_taps`, of those whose places are in `"index"`.
    """
    ops = backend.numpy
    start, size = (
        backend.cast(x, "int32")[:, None, None] for x in (start, size)
    )
    resized = output_size if resized_size is None else resized_size
    resized = backend.cast(resized, "int32")
    # Positions in units of 1 / (2 resized) of a pixel are integers, so that
    # their differences are exact.
    center = ops.arange(output_size, dtype="int32") + offset
    center = (2 * center + 1)[:, None] * size
    reach = 2 * ops.maximum(size, resized)
    radius = RADIUS[interpolation]

    def weights(pixel):
        distance = ops.abs((2 * pixel + 1) * resized - center)
        distance = backend.cast(distance, "float32") / backend.cast(
            reach, "float32"
        )
        is_inside = (pixel >= 0) & (pixel < size)
        values = _KERNELS[interpolation](ops, ops.minimum(distance, radius))
        values = ops.where(is_inside, values, 0.0)
        return values / ops.sum(values, axis=2, keepdims=True)

    if isinstance(input_size, int) and has_few_taps(
        input_size, output_size, interpolation
    ):
        first = center - radius * reach - resized
        first = ops.floor_divide(first, 2 * resized) + 1
        taps = _num_taps(input_size, output_size, interpolation)
        pixel = first + ops.arange(taps, dtype="int32")
        index = start + ops.clip(pixel, 0, size - 1)
        return {"index": index, "weights": weights(pixel)}
    pixel = ops.arange(input_size, dtype="int32") - start
    return {"weights": weights(pixel)}


def _num_taps(input_size, output_size, interpolation):
    scale = max(1, input_size / output_size)
    return math.ceil(2 * RADIUS[interpolation] * scale)


def _triangle(ops, x):
    return 1 - x


def _cubic(ops, x):
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((2.5 - 0.5 * x) * x - 4) * x + 2
    return ops.where(x < 1, near, far)


_KERNELS = {"bilinear": _triangle, "bicubic": _cubic}
