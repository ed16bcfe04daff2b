"""Test rows that are also in the training set."""

from typing import Any

import numpy as np

from keras_contrastive.curation.neighbors import unit_rows
from keras_contrastive.evaluation.checks import check_same_width
from keras_contrastive.index.exact_search import exact_search
from keras_contrastive.metrics.retrieval_recall import TIE
from keras_contrastive.validation import check_cosine


def leaks(
    train_embeddings: Any, test_embeddings: Any, threshold: float = 0.95
) -> dict[str, np.ndarray]:
    """Finds test rows that almost equal a training row.

    Such leaks make scores too high. The meaning of a similarity of 0.95 depends
    on the encoder, so look at the pairs around the threshold.

    Args:
        train_embeddings: Array of shape `(n, dim)`. The rows need not be
            normalized.
        test_embeddings: Array of shape `(m, dim)`.
        threshold: Float in [-1, 1], the lowest cosine of a leak, up to
            rounding: copies are found at 1.

    Returns:
        Dict of arrays, a table for `pandas.DataFrame`, the most similar pairs
        first: `"test_row"`, `"train_row"`, its most similar training row, and
        `"similarity"`, their cosine.

    Raises:
        ValueError: If embeddings are not finite matrices of the same width, or
            `threshold` is out of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((50, 32)), rng.standard_normal((9, 32))
    test[4] = train[20] + 0.01
    print(kc.curation.leaks(train, test))  # test row 4, training row 20
    ```
    """
    threshold = check_cosine("threshold", threshold)
    train = unit_rows(train_embeddings, "train_embeddings", fewest=1)
    test = unit_rows(test_embeddings, "test_embeddings", fewest=1)
    check_same_width(train, test, ("train_embeddings", "test_embeddings"))
    similarity, number = exact_search(test, train, 1)
    similarity, number = similarity[:, 0], number[:, 0]
    row = np.argsort(-similarity, kind="stable")
    row = row[similarity[row] >= threshold - TIE]
    return {
        "test_row": row,
        "train_row": number[row],
        "similarity": similarity[row],
    }
