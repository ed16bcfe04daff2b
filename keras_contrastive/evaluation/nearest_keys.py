"""The k most similar keys of each query."""

import numpy as np

# Groups of keys per neighbor. More groups give a closer bound with fewer
# candidates, but take longer to compare.
GROUPS_PER_NEIGHBOR = 8
# Smaller groups save no time, larger ones have more values to look at.
SMALLEST_GROUP = 4
LARGEST_GROUP = 32
# Bounds that leave more candidates are worthless: many values are equal.
MOST_CANDIDATES_PER_NEIGHBOR = 4


def largest_of_rows(similarity, k):
    """The `k` largest values of each row, in descending order, on the CPU.

    The selection in NumPy is exact: the `k`-th largest of the maxima of groups
    of keys is a lower bound of the `k`-th largest value. Only groups whose
    maximum reaches it can hold one of the `k`, and few of their values do. The
    maxima take one pass over the matrix; a partial sort takes ten times as
    long.

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
    """The values at or above a lower bound of the k-th, padded by -inf.

    `None` where there are too few keys or too many candidates.
    """
    num_rows, num_keys = similarity.shape
    group_size = min(LARGEST_GROUP, num_keys // (GROUPS_PER_NEIGHBOR * k))
    if group_size < SMALLEST_GROUP:
        return None
    num_groups = num_keys // group_size
    num_grouped = group_size * num_groups
    # Every `num_groups`-th key belongs to one group, so that maxima are taken
    # over whole rows.
    grouped = similarity[:, :num_grouped].reshape(
        num_rows, group_size, num_groups
    )
    maxima = grouped.max(axis=1)
    bound = np.partition(maxima, num_groups - k, axis=1)
    bound = bound[:, num_groups - k, None]
    row, group = np.nonzero(maxima >= bound)
    if _most_in_a_row(row, num_rows) > MOST_CANDIDATES_PER_NEIGHBOR * k:
        return None
    found, member = np.nonzero(grouped[row, :, group] >= bound[row])
    left_over, column = np.nonzero(similarity[:, num_grouped:] >= bound)
    # As cells of the matrix, in whose order equal values stay.
    cell = np.concatenate(
        [
            row[found] * num_keys + member * num_groups + group[found],
            left_over * num_keys + num_grouped + column,
        ]
    )
    cell.sort()
    row, column = np.divmod(cell, num_keys)
    width = _most_in_a_row(row, num_rows)
    if width > MOST_CANDIDATES_PER_NEIGHBOR * k:
        return None
    first = np.searchsorted(row, np.arange(num_rows))
    place = np.arange(len(row)) - first[row]
    value = np.full((num_rows, width), -np.inf, "float32")
    index = np.zeros((num_rows, width), "int64")
    value[row, place] = similarity[row, column]
    index[row, place] = column
    return value, index


def _most_in_a_row(row, num_rows):
    return np.bincount(row, minlength=num_rows).max()


def _all_columns_that_may_count(similarity, k):
    """The k selected columns, ascending; of equal values, the first columns."""
    num_keys = similarity.shape[1]
    kth = np.partition(similarity, num_keys - k, axis=1)[:, num_keys - k, None]
    above = similarity > kth
    equal = similarity == kth
    room = k - above.sum(axis=1, keepdims=True)
    taken = above | (equal & (np.cumsum(equal, axis=1) <= room))
    return np.nonzero(taken)[1].reshape(-1, k)
