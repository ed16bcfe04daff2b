"""Which queries and keys belong together, by groups or by sets of labels.

The groups of rows are either an int tensor of shape `(rows,)`, one group per
row, or a float tensor of 0 and 1 of shape `(rows, labels)`, a set of labels per
row. With sets, two rows belong together if they share a label.
"""

from keras import ops


def belong_together(query_groups, key_groups):
    """Whether each query and key belong together, a bool tensor `(n, m)`."""
    if len(query_groups.shape) == 1:
        return query_groups[:, None] == key_groups
    # A sum of ones is greater than zero in every precision.
    return ops.matmul(query_groups, ops.transpose(key_groups)) > 0


def belong_to_themselves(groups):
    """Whether each row has a group; an empty set of labels is no group."""
    if len(groups.shape) == 1:
        return groups == groups
    return ops.any(groups > 0, axis=1)
