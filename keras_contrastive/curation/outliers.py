"""Rows that are unlike all others."""

from typing import Any

import numpy as np

from keras_contrastive.curation.neighbors import neighbors
from keras_contrastive.curation.neighbors import unit_rows


def outliers(embeddings: Any, k: int = 10) -> dict[str, np.ndarray]:
    """Sorts rows by how unlike they are to their nearest neighbors.

    The score of a row is one minus the mean cosine to the `k` most similar
    other rows: 0 for one among copies, 1 for one that resembles nothing. Look
    at the first rows: broken files, other data, rare classes. Groups of more
    than `k` alike are not found.

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
        Ramaswamy et al., 2000, Efficient Algorithms for Mining Outliers from
        Large Data Sets, with the mean over the neighbors.
    """
    similarity, _ = neighbors(unit_rows(embeddings), k)
    score = 1 - similarity.mean(axis=1)
    row = np.argsort(-score, kind="stable")
    return {"row": row, "score": score[row]}
