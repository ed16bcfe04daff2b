"""The most similar rows of a matrix that need not fit into memory."""

import numpy as np

from keras_contrastive.evaluation.nearest_keys import largest_of_rows

# Bytes of a block of rows, and of a block of similarities.
BLOCK_BYTES = 2**25
QUERIES = 256


def exact_search(
    queries: np.ndarray,
    rows: np.ndarray,
    k: int,
    is_kept: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` rows of largest inner product with each query.

    Reads the rows block by block, so that they may be a memory-mapped file.
    Equal similarities are in the order of the rows.

    Args:
        queries: Float32 array of shape `(n, dim)`.
        rows: Float32 array of shape `(m, dim)`.
        k: Int, at most the number of rows that are kept.
        is_kept: Boolean array of shape `(m,)`: the rows to search in.

    Returns:
        Two arrays of shape `(n, k)`: similarities and row numbers.
    """
    # Few queries use large blocks, since each block requires a selection. Rows
    # are copied only if some are left out. In that case, they also limit the
    # block size.
    width = min(len(queries), QUERIES)
    if is_kept is not None:
        width = max(width, rows.shape[1])
    size = max(1, BLOCK_BYTES // (4 * width))
    found = [
        _search(queries[start : start + QUERIES], rows, k, is_kept, size)
        for start in range(0, len(queries), QUERIES)
    ]
    return (
        np.concatenate([similarity for similarity, _ in found]),
        np.concatenate([number for _, number in found]),
    )


def _search(queries, rows, k, is_kept, size):
    best = np.empty((len(queries), 0), "float32")
    number = np.empty((len(queries), 0), "int64")
    for start in range(0, len(rows), size):
        block, numbers = rows[start : start + size], None
        if is_kept is not None:
            numbers = np.flatnonzero(is_kept[start : start + size])
            if not len(numbers):
                continue
            block = block[numbers]
        similarity = queries @ block.T
        value, column = largest_of_rows(similarity, min(k, len(block)))
        if numbers is not None:
            column = numbers[column]
        # Earlier rows first, so that a stable sort keeps the order of equals.
        best = np.concatenate([best, value], axis=1)
        number = np.concatenate([number, start + column], axis=1)
        order = np.argsort(-best, kind="stable")[:, :k]
        best = np.take_along_axis(best, order, axis=1)
        number = np.take_along_axis(number, order, axis=1)
    return best, number
