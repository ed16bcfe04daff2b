"""Labels that a row's neighbors contradict."""

from typing import Any

import numpy as np

from keras_contrastive.curation.neighbors import neighbors
from keras_contrastive.curation.neighbors import unit_rows
from keras_contrastive.evaluation.checks import as_labels


def label_errors(
    embeddings: Any, labels: Any, k: int = 20
) -> dict[str, np.ndarray]:
    """Sorts rows by how much their neighbors contradict their label.

    The neighbors of a row vote for their labels, each with the weight
    `exp(cosine / 0.1)`, as in kNN classification; the row's own label does not
    count. The score is the share of the votes for the most voted other label,
    minus the share for the row's own: above 0 the neighbors disagree, and 1 is
    the maximum. This finds single wrong labels among correct ones, not a class
    that is wrong as a whole. It works only as well as the embeddings
    distinguish the classes: if kNN is right for half of the rows, most of the
    first rows are hard examples with correct labels.

    Args:
        embeddings: Array of shape `(n, dim)`, n at least 2. The rows need not
            be normalized.
        labels: Array of shape `(n,)`, integers or strings, of two classes or
            more.
        k: Int, the number of neighbors.

    Returns:
        Dict of arrays of length n, a table for `pandas.DataFrame`, the most
        doubtful rows first: `"row"`, the row number, `"score"`, `"label"`, the
        row's own label, and `"suggestion"`, the most voted other label.

    Raises:
        ValueError: If the embeddings are not a finite matrix of two rows or
            more, `k` is not positive, there is not one label per row, or there
            is only one class.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    embeddings = np.eye(2)[labels] + 0.1 * rng.standard_normal((100, 2))
    labels[3] = 1
    table = kc.curation.label_errors(embeddings, labels)
    print(table["row"][0], table["suggestion"][0])  # 3 0
    ```

    Reference:
        Zhu et al., 2022, Detecting Corrupted Labels Without Training a Model
        to Predict, which votes in the same way; weights of Wu et al., 2018,
        Unsupervised Feature Learning via Non-Parametric Instance
        Discrimination.
    """
    rows = unit_rows(embeddings)
    labels = as_labels(labels, "labels", len(rows))
    classes, own = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            "`labels` must be of two classes or more. "
            f"Received: {classes[0]!r} only"
        )
    similarity, number = neighbors(rows, k)
    weight = np.exp((similarity - similarity[:, :1]) / 0.1)
    votes = np.zeros((len(rows), len(classes)))
    every = np.arange(len(rows))
    for place in range(weight.shape[1]):
        votes[every, own[number[:, place]]] += weight[:, place]
    votes /= votes.sum(axis=1, keepdims=True)
    of_own = votes[every, own]
    votes[every, own] = -1
    other = votes.argmax(axis=1)
    score = votes[every, other] - of_own
    row = np.argsort(-score, kind="stable")
    return {
        "row": row,
        "score": score[row],
        "label": labels[row],
        "suggestion": classes[other[row]],
    }
