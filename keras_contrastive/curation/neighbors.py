"""The most similar other rows of each row."""

import numpy as np

from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.index.exact_search import exact_search
from keras_contrastive.validation import check_positive_int


def unit_rows(embeddings, name="embeddings", fewest=2):
    """Embeddings as float32 rows of norm 1; raises for fewer than `fewest`."""
    rows = normalize_rows(as_features(embeddings, name))
    if len(rows) < fewest:
        raise ValueError(
            f"`{name}` must have {fewest} rows or more. "
            f"Received: {len(rows)} rows"
        )
    return rows


def neighbors(rows, k):
    """The `k` most similar other rows of each row.

    Args:
        rows: Float32 array of shape `(n, dim)`, rows of norm 1.
        k: Int; if there are fewer other rows, all of them are returned.

    Returns:
        Two arrays of shape `(n, k)`: cosines, best first, and row numbers.
    """
    k = min(check_positive_int("k", k), len(rows) - 1)
    similarity, number = exact_search(rows, rows, k + 1)
    # Each row finds itself, unless k + 1 copies of it come first. In that case
    # the last one is removed.
    is_self = number == np.arange(len(rows))[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return (
        similarity[~is_self].reshape(-1, k),
        number[~is_self].reshape(-1, k),
    )
