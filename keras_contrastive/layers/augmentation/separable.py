"""Separable linear filters that differ from image to image."""


def separable_product(backend, images, rows, columns):
    """Filters height and width by one matrix each, per image.

    `out[b, i, j, c] = sum_hw rows[b, i, h] columns[b, j, w] images[b, h, w, c]`

    Args:
        backend: The Keras backend module that owns the tensors.
        images: Tensor of shape `(batch, height, width, channels)`.
        rows: Tensor of shape `(batch or 1, out_height, height)`.
        columns: Tensor of shape `(batch or 1, out_width, width)`.

    Returns:
        Tensor of shape `(batch, out_height, out_width, channels)`.
    """
    images = _filter_rows(backend, images, rows)
    images = backend.numpy.transpose(images, (0, 2, 1, 3))
    images = _filter_rows(backend, images, columns)
    return backend.numpy.transpose(images, (0, 2, 1, 3))


def _filter_rows(backend, images, matrix):
    # One large product an image; a product over the third axis would be
    # `height` products with only `channels` columns each.
    _, height, width, channels = backend.shape(images)
    images = backend.numpy.reshape(images, (-1, height, width * channels))
    images = backend.numpy.matmul(matrix, images)
    out_height = backend.shape(matrix)[1]
    return backend.numpy.reshape(images, (-1, out_height, width, channels))
