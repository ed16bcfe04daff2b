"""How well scores of classes agree with labels."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.metrics.retrieval_recall import TIE
from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int


class ClassificationScores(NamedTuple):
    """The result of `classification_scores`.

    Attributes:
        accuracy: Float, the fraction of rows whose own class has the highest
            score.
        top5_accuracy: Float, the fraction of rows whose own class is among the
            five highest, or NaN with five classes or fewer.
        mean_per_class_recall: Float, the mean of `recall_per_class` over the
            classes that have rows. It does not reward a large class.
        recall_per_class: Dict from each class to the accuracy on its rows, NaN
            for a class without any.
        loss: Float, the mean cross-entropy in nats.
        calibration_error: Float, the expected calibration error: the mean
            difference between confidence and accuracy.
        majority: Float, the fraction of rows in the largest class, which is the
            accuracy of always predicting this class.

    Example:
        ```python
        import numpy as np
        from keras_contrastive.evaluation import classification_scores

        scores = classification_scores(np.eye(3), [0, 1, 1])
        print(scores.accuracy, scores.recall_per_class)
        ```
    """

    accuracy: float
    top5_accuracy: float
    mean_per_class_recall: float
    recall_per_class: dict
    loss: float
    calibration_error: float
    majority: float


def classification_scores(
    scores: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    scale: float = 1.0,
    num_bins: int = 15,
) -> ClassificationScores:
    """Accuracy, recall of each class and calibration of a classifier.

    Probabilities are `softmax(scale * scores)`. For a `CLIPModel`, the scores
    are cosine similarities, `image_embeddings @ zero_shot_weights(...)`, and
    `scale` is the learned `logit_scale`.

    The expected calibration error sorts the rows by confidence, their highest
    probability, into `num_bins` bins of equal width:

    `ECE = sum_b(n_b / n * |accuracy_b - confidence_b|)`

    Ties count against the classifier, up to rounding: a row is right only if
    no other class has the same score.

    Args:
        scores: Array of shape `(n, num_classes)`: logits or similarities.
        labels: Ints, shape `(n,)`: columns of `scores`.
        class_names: Strings, the keys of `recall_per_class`. Defaults to the
            columns' numbers.
        scale: Positive float.
        num_bins: Int, number of bins of the calibration error.

    Returns:
        A `ClassificationScores`.

    Raises:
        ValueError: If the scores are not a finite, non-empty matrix, the labels
            or names do not fit it, or a number is not positive.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import classification_scores

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    similarity = 0.3 * np.eye(10)[labels] + 0.1 * rng.random((500, 10))
    scores = classification_scores(similarity, labels, scale=20.0)
    print(scores.accuracy, scores.calibration_error)
    ```

    Reference:
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 2
    """
    scores = as_features(scores, "scores")
    num_classes = scores.shape[1]
    labels = _as_columns(labels, scores.shape)
    scale = check_positive("scale", scale)
    num_bins = check_positive_int("num_bins", num_bins)
    names: Any = range(num_classes) if class_names is None else class_names
    names = check_list("class_names", names, "strings")
    if not len(names) == num_classes == len({*map(str, names)}):
        raise ValueError(
            f"`class_names` must hold {num_classes} different names, one for "
            f"each column of `scores`. Received: {class_names!r}"
        )

    rows = np.arange(len(scores))
    own = scores[rows, labels][:, None]
    # The row's own class is among the classes with at least this score.
    rank = (scores >= own - TIE).sum(axis=1) - 1
    is_right = rank < 1
    counts = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels, is_right, num_classes)
    recall = np.where(counts, right / np.maximum(counts, 1), np.nan)

    logits = scale * scores.astype("float64")
    logits -= logits.max(axis=1, keepdims=True)
    log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return ClassificationScores(
        accuracy=float(is_right.mean()),
        top5_accuracy=(
            float((rank < 5).mean()) if num_classes > 5 else float("nan")
        ),
        mean_per_class_recall=float(np.nanmean(recall)),
        recall_per_class=dict(zip(names, recall.tolist(), strict=True)),
        loss=float(-log_probability[rows, labels].mean()),
        calibration_error=_calibration_error(
            np.exp(log_probability.max(axis=1)), is_right, num_bins
        ),
        majority=float(counts.max() / len(labels)),
    )


def _as_columns(labels, shape):
    """`labels` as an int array of columns."""
    labels = as_array(labels, "labels")
    num_rows, num_classes = shape
    if labels.shape != (num_rows,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"`labels` must be integers of shape ({num_rows},), one for each "
            f"row of `scores`. Received: an array of {labels.dtype} of shape "
            f"{labels.shape}"
        )
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if len(outside):
        raise ValueError(
            f"`labels` must be columns of `scores`, from 0 to "
            f"{num_classes - 1}. Received: {outside[0]}"
        )
    return labels


def _calibration_error(confidence, is_right, num_bins):
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    difference = np.bincount(bins, is_right - confidence, num_bins)
    return float(np.abs(difference).sum() / len(confidence))
