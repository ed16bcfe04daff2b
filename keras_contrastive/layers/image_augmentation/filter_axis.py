"""Linear filters along one image axis that differ between images."""


def filter_axis(backend, images, matrix, axis):
    """Replaces every pixel by a weighted sum of the pixels along `axis`.

    `out[b, i, j, c] = sum_h matrix[b, i, h] images[b, h, j, c]` for axis 1.

    Args:
        backend: The Keras backend module that owns the tensors.
        images: Tensor of shape `(batch, height, width, channels)`.
        matrix: Tensor of shape `(batch or 1, output, height or width)`.
        axis: 1 or 2.

    Returns:
        Tensor like `images`, with `output` pixels along `axis`.
    """

    def filter_rows(images):
        # One large product per image. A product over the third axis would be
        # `height` products with only `channels` columns each.
        _, height, width, channels = backend.shape(images)
        images = backend.numpy.reshape(images, (-1, height, width * channels))
        images = backend.numpy.matmul(matrix, images)
        output = backend.shape(matrix)[1]
        return backend.numpy.reshape(images, (-1, output, width, channels))

    return _along(backend, filter_rows, images, axis)


def gather_axis(backend, images, index, weights, axis):
    """`filter_axis` for a matrix with few weights per row.

    `out[b, i, j, c] = sum_t weights[b, i, t] images[b, index[b, i, t], j, c]`

    Args:
        backend: The Keras backend module that owns the tensors.
        images: Tensor of shape `(batch, height, width, channels)`.
        index: Int32 tensor of shape `(batch or 1, output, taps)`.
        weights: Tensor of the same shape.
        axis: 1 or 2.

    Returns:
        Tensor like `images`, with `output` pixels along `axis`.
    """

    def gather_rows(images):
        ops = backend.numpy
        batch, height, width, channels = backend.shape(images)
        _, output, taps = backend.shape(index)
        images = ops.reshape(images, (batch * height, width * channels))
        first = height * ops.arange(batch, dtype="int32")[:, None]
        total = None
        for tap in range(taps):
            rows = ops.reshape(first + index[:, :, tap], (-1,))
            rows = ops.take(images, rows, axis=0)
            rows = ops.reshape(rows, (batch, output, width * channels))
            rows = weights[:, :, tap, None] * rows
            total = rows if total is None else total + rows
        return ops.reshape(total, (batch, output, width, channels))

    return _along(backend, gather_rows, images, axis)


def _along(backend, of_rows, images, axis):
    if axis == 1:
        return of_rows(images)
    images = backend.numpy.transpose(images, (0, 2, 1, 3))
    return backend.numpy.transpose(of_rows(images), (0, 2, 1, 3))
