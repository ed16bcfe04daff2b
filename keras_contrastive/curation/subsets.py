"""Subsets to label first: diverse ones and typical ones."""

from typing import Any

import numpy as np

from keras_contrastive.curation.clusters import cluster
from keras_contrastive.curation.neighbors import neighbors
from keras_contrastive.curation.neighbors import unit_rows
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive_int


def diverse_subset(embeddings: Any, size: int, seed: int = 0) -> np.ndarray:
    """Chooses rows that cover all others: greedy k-center.

    The first row is drawn at random. Each further row is the one least similar
    to the rows chosen before. The farthest row from the subset is then at most
    twice as far as from the best subset of this size. The method chooses
    outliers first, so remove outliers that are not valid data (`outliers`).

    Args:
        embeddings: Array of shape `(n, dim)`. The rows need not be normalized.
        size: Int, at most n.
        seed: Int, not negative, for the first row.

    Returns:
        Int array of shape `(size,)`: row numbers in the order of choice, so a
        shorter subset is a prefix of it.

    Raises:
        ValueError: If the embeddings are not a finite matrix, or `size` is out
            of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    embeddings = np.repeat(np.eye(4), 25, axis=0)
    print(kc.curation.diverse_subset(embeddings, 4) // 25)  # one of each
    ```

    Reference:
        Sener and Savarese, 2018, Active Learning for Convolutional Neural
        Networks: A Core-Set Approach, algorithm 1.
    """
    rows = unit_rows(embeddings, fewest=1)
    size = _check_size(size, len(rows))
    rng = np.random.default_rng(check_int("seed", seed, 0))
    chosen = [int(rng.integers(len(rows)))]
    # For each row, the similarity to the most similar chosen row.
    nearest = rows @ rows[chosen[0]]
    nearest[chosen] = np.inf
    while len(chosen) < size:
        chosen.append(int(nearest.argmin()))
        np.maximum(nearest, rows @ rows[chosen[-1]], out=nearest)
        nearest[chosen] = np.inf
    return np.array(chosen)


def typical_subset(
    embeddings: Any, size: int, k: int = 20, seed: int = 0
) -> np.ndarray:
    """Chooses the most typical row of each of `size` clusters.

    Typicality is the inverse of the mean Euclidean distance to the `k` nearest
    neighbors within the cluster. With a small labeling budget, typical rows are
    more useful than diverse or uncertain ones (Hacohen et al.).

    Args:
        embeddings: Array of shape `(n, dim)`. The rows need not be normalized.
        size: Int, at most n: the number of clusters of `cluster`.
        k: Int, the number of neighbors.
        seed: Int, not negative, for the clusters.

    Returns:
        Int array of shape `(size,)`: row numbers, those of large clusters
        first. It is shorter if so many rows are copies that clusters stay
        empty.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If the embeddings are not a finite matrix, or a number is
            out of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    centers = np.repeat(np.eye(4), 25, axis=0)
    embeddings = centers + 0.1 * rng.standard_normal((100, 4))
    print(kc.curation.typical_subset(embeddings, 4) // 25)  # one of each
    ```

    Reference:
        Hacohen et al., 2022, Active Learning on a Budget: Opposite Strategies
        Suit High and Low Budgets, TypiClust.
    """
    rows = unit_rows(embeddings, fewest=1)
    size = _check_size(size, len(rows))
    k = check_positive_int("k", k)
    clusters = cluster(rows, size, seed=seed)
    counts = np.bincount(clusters, minlength=size)
    chosen: list[int] = []
    for number in np.argsort(-counts, kind="stable"):
        members = np.flatnonzero(clusters == number)
        if len(members) > 2:
            similarity, _ = neighbors(rows[members], k)
            distance = np.sqrt(np.maximum(2 - 2 * similarity, 0))
            members = members[[distance.mean(axis=1).argmin()]]
        chosen.extend(members[:1])
    return np.array(chosen)


def _check_size(size, num_rows):
    if check_positive_int("size", size) > num_rows:
        raise ValueError(
            f"`size` must be at most {num_rows}, the number of rows. "
            f"Received: size={size}"
        )
    return size
