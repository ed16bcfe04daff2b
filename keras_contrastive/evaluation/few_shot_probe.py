"""Linear evaluation with a few labels per class."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
from keras.utils import Progbar

from keras_contrastive.evaluation.probe import check_probe_data
from keras_contrastive.evaluation.probe import feature_statistics
from keras_contrastive.evaluation.probe import probe_scores
from keras_contrastive.evaluation.probe import solve_probe
from keras_contrastive.evaluation.probe import standardized_inputs
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_positive_int

MAX_PASSES = 100


class FewShotScores(NamedTuple):
    """The test scores of one number of labels per class.

    Attributes:
        accuracy: Float, the mean of `accuracies`.
        std: Float, their standard deviation (n - 1), NaN for one draw.
        accuracies: List of floats, one for each draw of the labeled rows.

    Example:
        ```python
        from keras_contrastive.evaluation import FewShotScores

        scores = FewShotScores(0.5, 0.1, [0.4, 0.5, 0.6])
        print(f"{scores.accuracy:.1%} ± {scores.std:.1%}")  # 50.0% ± 10.0%
        ```
    """

    accuracy: float
    std: float
    accuracies: list[float]


def few_shot_probe(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
    shots: Sequence[int] = (1, 2, 4, 8, 16),
    num_draws: int = 5,
    seed: int = 0,
    verbose: int | str = "auto",
) -> dict[int, FewShotScores]:
    """Accuracy of linear classifiers trained on a few rows of each class.

    For each draw, `k` rows of each class are chosen at random from the
    training set; a linear classifier is trained on them, and scored on the
    whole test set. The classifier is that of
    `linear_probe(..., solver="lbfgs")`: softmax regression, solved to its
    optimum, with the penalty `sum(W**2) / (2 * num_rows)`. Features are
    standardized by the mean and the standard deviation of all training rows,
    which needs no labels. If all rows of each class are chosen, the result is
    that of `linear_probe`.

    Within a draw, the rows for fewer shots are a subset of those for more
    shots, so the accuracies of a draw form a curve. The choice depends only on
    `seed` and the labels, so two encoders are compared on the same rows.

    The implementation is in NumPy, so the result does not depend on the backend
    or the device.

    Args:
        train_features: Array of shape `(num_train, dim)`: representations h,
            or the embeddings of a `CLIPModel`.
        train_labels: Integers or strings, shape `(num_train,)`.
        test_features: Array of shape `(num_test, dim)`.
        test_labels: Integers or strings, shape `(num_test,)`, of classes in
            the training set.
        shots: Numbers of labeled rows per class.
        num_draws: Number of random choices of the labeled rows.
        seed: Integer.
        verbose: 0 is silent, `"auto"` or 1 shows a progress bar, 2 one line
            at the end.

    Returns:
        A dict from each of `shots`, in ascending order, to a `FewShotScores`
        of `accuracy`, the mean over the draws, `std` and `accuracies`.

    Raises:
        ValueError: If features are not finite, non-empty matrices of one
            width, the labels do not match the features, the test set has a
            class that the training set lacks, or a class has fewer training
            rows than the largest of `shots`.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import few_shot_probe

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = np.eye(3)[labels] + 0.5 * rng.standard_normal((300, 3))
    scores = few_shot_probe(
        features[:200], labels[:200], features[200:], labels[200:], (1, 4)
    )
    for k, (accuracy, std, _) in scores.items():
        print(f"{k} labels per class: {accuracy:.0%} ± {std:.0%}")
    ```

    Reference:
        - [Radford et al., 2021](https://arxiv.org/abs/2103.00020), section
          3.1.4, figure 6
        - [Kolesnikov et al., 2020](https://arxiv.org/abs/1912.11370), section
          3.2, on few labels per class
    """
    data = check_probe_data(
        train_features, train_labels, test_features, test_labels
    )
    shots = _check_shots(shots, data.classes, data.train_index)
    num_draws = check_positive_int("num_draws", num_draws)
    seed = check_int("seed", seed, 0)
    statistics = feature_statistics(data.train_features)
    test_inputs = standardized_inputs(data.test_features, *statistics)
    progress = Progbar(
        num_draws * len(shots),
        verbose=1 if verbose == "auto" else verbose,
        unit_name="probe",
    )
    accuracies: dict[int, list[float]] = {count: [] for count in shots}
    for draw in range(num_draws):
        rng = np.random.default_rng([seed, draw])
        of_class = [
            rng.permutation(np.flatnonzero(data.train_index == one))
            for one in range(len(data.classes))
        ]
        for count in shots:
            rows = np.concatenate([each[:count] for each in of_class])
            weights = solve_probe(
                standardized_inputs(data.train_features[rows], *statistics),
                data.train_index[rows],
                len(data.classes),
                MAX_PASSES,
            )
            scores = probe_scores(test_inputs @ weights, data.test_index)
            accuracies[count].append(scores["accuracy"])
            progress.add(1)
    return {
        count: FewShotScores(
            float(np.mean(each)),
            float(np.std(each, ddof=1)) if len(each) > 1 else float("nan"),
            each,
        )
        for count, each in accuracies.items()
    }


def _check_shots(shots, classes, class_index):
    """`shots` in ascending order, each once."""
    counts = np.bincount(class_index)
    if isinstance(shots, int | np.integer):
        shots = [shots]
    shots = check_list("shots", shots, "positive integers")
    shots = sorted({check_positive_int("shots", each) for each in shots})
    if not shots:
        raise ValueError("`shots` must hold at least one number.")
    if shots[-1] > counts.min():
        raise ValueError(
            f"`shots` must be at most {counts.min()}, the number of training "
            f"rows of class {classes.tolist()[counts.argmin()]!r}. "
            f"Received: {shots[-1]}"
        )
    return shots
