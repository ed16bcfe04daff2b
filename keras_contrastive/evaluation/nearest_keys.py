"""The k most similar keys of each query."""

import numpy as np

# Groups of keys per neighbor whose maxima bound the k-th similarity. More
# groups give a closer bound with fewer candidates, but take longer.
GROUPS_PER_NEIGHBOR = 3
# A bound saves time if groups are at least this large and leave few candidates.
SMALLEST_GROUP = 8
MOST_CANDIDATES_PER_NEIGHBOR = 4


def largest_of_rows(similarity, k):
    """The `k` largest values of each row, in descending order, on the CPU.

    The selection in NumPy is exact: the `k`-th largest of the maxima of groups
    of keys is a lower bound of the `k`-th largest value, and few values reach
    it. One pass over the matrix finds these values; a partial sort takes ten
    times as long.

    Args:
        similarity: Float32 NumPy array of shape `(rows, keys)`, finite.
        k: At most the number of keys.

    Returns:
        Two arrays of shape `(rows, k)`: the values, and their column indices.
        Equal values are in the order of their columns.
    """
    candidates = _candidates(similarity, k)
    if candidates is None:
        index = _all_columns_that_may_count(similarity, k)
        value = np.take_along_axis(similarity, index, axis=1)
    else:
        value, index = candidates
    order = np.argsort(-value, axis=1, kind="stable")[:, :k]
    return (
        np.take_along_axis(value, order, axis=1),
        np.take_along_axis(index, order, axis=1),
    )


def _candidates(similarity, k):
    """The values at or above a lower bound of the k-th, padded by -inf."""
    num_rows, num_keys = similarity.shape
    num_groups = GROUPS_PER_NEIGHBOR * k
    group_size = num_keys // num_groups
    if group_size < SMALLEST_GROUP:
        return None
    # Every `num_groups`-th key belongs to one group, so that maxima are taken
    # over whole rows.
    grouped = similarity[:, : group_size * num_groups]
    maxima = grouped.reshape(num_rows, group_size, num_groups).max(axis=1)
    bound = np.partition(maxima, num_groups - k, axis=1)[:, num_groups - k]
    cell = np.flatnonzero(similarity >= bound[:, None])
    row, column = np.divmod(cell, num_keys)
    counts = np.bincount(row, minlength=num_rows)
    width = counts.max()
    if width > MOST_CANDIDATES_PER_NEIGHBOR * k:
        return None  # many equal similarities
    place = np.arange(len(cell)) - np.repeat(np.cumsum(counts) - counts, counts)
    value = np.full((num_rows, width), -np.inf, "float32")
    index = np.zeros((num_rows, width), "int64")
    value[row, place] = similarity[row, column]
    index[row, place] = column
    return value, index


def _all_columns_that_may_count(similarity, k):
    """The k selected columns, ascending; of equal values, the first columns."""
    num_keys = similarity.shape[1]
    kth = np.partition(similarity, num_keys - k, axis=1)[:, num_keys - k, None]
    above = similarity > kth
    equal = similarity == kth
    room = k - above.sum(axis=1, keepdims=True)
    taken = above | (equal & (np.cumsum(equal, axis=1) <= room))
    return np.nonzero(taken)[1].reshape(-1, k)
