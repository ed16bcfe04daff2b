"""The results of a search."""

from typing import NamedTuple

import numpy as np


class SearchResults(NamedTuple):
    """The rows that are most similar to each query, best first.

    Attributes:
        ids: Array of shape `(queries, k)`, or `(k,)` for a single query.
        similarities: Float32 array of the same shape, cosines.

    Example:
        ```python
        import numpy as np
        import keras_contrastive as kc

        index = kc.index.EmbeddingIndex(np.eye(3), ["a", "b", "c"])
        results = index.search(np.array([0.9, 0.1, 0.0]), k=2)
        print(results.ids)  # ['a' 'b']
        ```
    """

    ids: np.ndarray
    similarities: np.ndarray
