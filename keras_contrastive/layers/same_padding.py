"""The padding of Keras' `padding="same"`, for PyTorch's kernels."""


def same_padding(
    size: int, window: int, stride: int, dilation: int = 1
) -> tuple[int, int]:
    """The number of values padded on either side of one dimension.

    With `w = dilation * (window - 1) + 1`, the outputs are `ceil(size /
    stride)` windows of `w` values. The values they need beyond `size` are
    padded evenly; an odd value is padded at the end.

    Args:
        size: Integer, the length of the dimension.
        window: Integer, the length of the kernel or the pooling window.
        stride: Integer, the step between windows.
        dilation: Integer, the distance between the values of a window.

    Returns:
        The numbers of values before the first and after the last one.
    """
    outputs = (size + stride - 1) // stride
    total = (outputs - 1) * stride + dilation * (window - 1) + 1 - size
    total = max(0, total)
    return total // 2, total - total // 2
