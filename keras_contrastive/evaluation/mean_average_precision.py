"""Average precision for multi-label evaluation."""

from typing import Any

import numpy as np

from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import as_features


def mean_average_precision(scores: Any, targets: Any) -> dict[str, Any]:
    """Average precision of each label, and its mean: multi-label evaluation.

    For each label, the rows are sorted by their score for it:

    `AP = sum_t(precision_t * (recall_t - recall_(t-1)))`

    over the thresholds t. Rows of equal score enter together, so that their
    order does not matter. This is scikit-learn's `average_precision_score`.

    Args:
        scores: Array of shape `(n, num_labels)`: logits, probabilities or
            similarities, such as `image_embeddings @ zero_shot_weights(...)`.
        targets: Array of 0 and 1, or booleans, of the same shape: the labels of
            each row.

    Returns:
        A dict of `"mean_average_precision"`, over the labels that occur in some
        row; `"average_precision"`, a list of one float per label, NaN for a
        label that no row has; and `"chance"`, the mean frequency of the
        occurring labels, which is the expected value for random scores.

    Raises:
        ValueError: If the scores are not a finite, non-empty matrix, or the
            targets are not zeros and ones of its shape, with a one.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import mean_average_precision

    targets = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    scores = np.array([[0.9, 0.1], [0.8, 0.3], [0.2, 0.7], [0.1, 0.5]])
    print(mean_average_precision(scores, targets)["average_precision"])
    ```

    Reference:
        Everingham et al., 2010, The PASCAL Visual Object Classes (VOC)
        Challenge, section 4.2; without its interpolation.
    """
    scores = as_features(scores, "scores", "float64")
    targets = as_array(targets, "targets")
    if targets.shape != scores.shape or not np.isin(targets, (0, 1)).all():
        raise ValueError(
            "`targets` must be zeros and ones of the shape of `scores`, "
            f"{scores.shape}. Received: an array of {targets.dtype} of shape "
            f"{targets.shape}"
        )
    targets = targets.astype(bool)
    frequency = targets.mean(axis=0)
    if not targets.any():
        raise ValueError("`targets` must have a one. Received: only zeros")
    precision = [
        _average_precision(*column)
        for column in zip(scores.T, targets.T, strict=True)
    ]
    return {
        "mean_average_precision": float(np.nanmean(precision)),
        "average_precision": precision,
        "chance": float(frequency[frequency > 0].mean()),
    }


def _average_precision(scores, targets):
    if not targets.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(targets[order])
    # The last row of each group of equal scores.
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision = found[ends] / (ends + 1)
    recall = found[ends] / found[-1]
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))
