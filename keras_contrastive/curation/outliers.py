"""Rows that are unlike all others."""

from typing import Any

import numpy as np

from keras_contrastive.curation.neighbors import neighbors
from keras_contrastive.curation.neighbors import unit_rows

# Below this, distances are rounding errors: most rows are copies.
LEAST_MEDIAN = 1e-6


def outliers(embeddings: Any, k: int = 10) -> dict[str, np.ndarray]:
    """Sorts rows by how isolated they are, compared with their neighbors.

    The distance of a row is one minus the mean cosine to the `k` most similar
    other rows. It is compared with the distances of these neighbors, each plus
    the median distance of all rows, so that a few copies among the neighbors
    have little effect:

        `(distance + median) / (mean distance of the neighbors + median)`

    A score of 1 is normal. Rows with higher scores are more isolated than their
    neighbors. The first rows are often broken files, other data or rare
    classes. Groups of more than `k` similar rows are not found.

    Args:
        embeddings: Array of shape `(n, dim)`, n at least 2. The rows need not
            be normalized.
        k: Int, the number of neighbors.

    Returns:
        Dict of arrays of length n, a table for `pandas.DataFrame`, the most
        unlike rows first: `"row"`, the row number, and `"score"`.

    Raises:
        ValueError: If the embeddings are not a finite matrix of two rows or
            more, or `k` is not positive.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    embeddings = np.ones(16) + 0.1 * rng.standard_normal((100, 16))
    embeddings[7] *= -1
    print(kc.curation.outliers(embeddings)["row"][0])  # 7
    ```

    Reference:
        Breunig et al., 2000, LOF: Identifying Density-Based Local Outliers,
        with distances instead of densities, and the median added.
    """
    similarity, number = neighbors(unit_rows(embeddings), k)
    distance = 1 - similarity.mean(axis=1)
    median = max(float(np.median(distance)), LEAST_MEDIAN)
    score = (distance + median) / (distance[number].mean(axis=1) + median)
    row = np.argsort(-score, kind="stable")
    return {"row": row, "score": score[row]}
