"""Groups of rows that are almost equal."""

from typing import Any

import numpy as np
from keras.utils import Progbar

from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.metrics.retrieval_recall import TIE
from keras_contrastive.validation import check_cosine

ROWS = 1024  # that are compared with all others at a time
PROGRESS_BAR_FROM = 20_000  # rows; fewer take only seconds


def near_duplicates(
    embeddings: Any, threshold: float = 0.95, verbose: bool = True
) -> list[list[int]]:
    """Groups the rows whose cosine similarity reaches a threshold.

    The comparison allows for rounding: copies are found at a threshold of 1.

    Rows are in one group if a chain of similar pairs connects them. All pairs
    are compared, block by block: `n**2 * dim / 2` multiplications, and memory
    for 1,024 x 1,024 similarities.

    The meaning of a similarity of 0.95 depends on the encoder, so look at the
    pairs around the threshold. For exact copies of files, compare the files.

    Args:
        embeddings: Array of shape `(n, dim)`. The rows need not be normalized.
        threshold: Float in [-1, 1].
        verbose: Whether to show a progress bar for 20,000 rows or more.

    Returns:
        A list of groups of two rows or more, each a sorted list of row numbers;
        the largest groups first.

    Raises:
        ValueError: If the embeddings are not a finite, non-empty matrix, or
            `threshold` is out of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    embeddings = np.random.default_rng(0).standard_normal((6, 32))
    embeddings[4] = embeddings[1] + 0.01
    print(kc.index.near_duplicates(embeddings))  # [[1, 4]]
    ```
    """
    rows = normalize_rows(as_features(embeddings, "embeddings"))
    return similar_groups(rows, threshold, verbose)


def similar_groups(
    rows: np.ndarray, threshold: float, verbose: bool
) -> list[list[int]]:
    """`near_duplicates` of rows of norm 1, which may be a mapped file."""
    threshold = check_cosine("threshold", threshold)
    progress = Progbar(
        len(rows),
        verbose=int(verbose and len(rows) >= PROGRESS_BAR_FROM),
        unit_name="row",
    )
    # A forest: the roots are the first rows of their groups.
    parent = np.arange(len(rows))

    def roots_of(members):
        roots = parent[members]
        while (roots != parent[roots]).any():
            roots = parent[roots]
        parent[members] = roots
        return roots

    for start in range(0, len(rows), ROWS):
        block = rows[start : start + ROWS]
        # Only later rows, since the earlier ones were already compared with
        # these.
        for later in range(start, len(rows), ROWS):
            similar = block @ rows[later : later + ROWS].T >= threshold - TIE
            if later == start:
                np.fill_diagonal(similar, False)  # a row with itself
            for place in np.flatnonzero(similar.any(axis=1)).tolist():
                others = np.flatnonzero(similar[place])
                roots = roots_of([start + place, *(later + others)])
                parent[roots] = roots.min()
        progress.update(start + len(block))
    groups: dict[int, list[int]] = {}
    for row, root in enumerate(roots_of(np.arange(len(rows))).tolist()):
        groups.setdefault(root, []).append(row)
    several = [group for group in groups.values() if len(group) > 1]
    return sorted(several, key=len, reverse=True)
