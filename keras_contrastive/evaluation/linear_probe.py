"""Linear evaluation: a logistic layer trained on frozen representations."""

import math
from typing import Any
from typing import NamedTuple

import numpy as np
from keras.utils import Progbar

from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.checks import check_same_width
from keras_contrastive.evaluation.softmax_regression import (
    solve_softmax_regression,
)
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int

MOMENTUM = 0.9
# Number of rows whose logits and gradient are computed at once, in the cache.
BLOCK = 4096
STATISTICS_ROWS = 128


def linear_probe(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
    epochs: int = 100,
    batch_size: int = 256,
    learning_rate: float | None = None,
    seed: int = 0,
    verbose: int | str = "auto",
    solver: str = "sgd",
) -> dict[str, float]:
    """Trains a linear classifier on features and scores it on others.

    This is the linear evaluation protocol of SimCLR on cached features:
    multinomial logistic regression, `softmax(W x + b)`, trained by SGD with
    Nesterov momentum 0.9 and without weight decay. The learning rate starts at
    `0.1 * batch_size / 256` and decays to 0 along a cosine. Features are
    computed once, so the paper's random crops and flips of the training images
    are not used.

    The features are standardized by the mean and the standard deviation of
    the training set, as a frozen batch normalization would do. The protocol's
    learning rate then suits encoders of any output scale.

    `solver="lbfgs"` instead solves the regression to its optimum, as in CLIP's
    evaluation, and needs a few passes over the data. It minimizes the mean
    cross-entropy plus `sum(W**2) / (2 * num_train)`: without such a penalty
    there is no optimum if the classes are separable. With more than two
    classes this is scikit-learn's `LogisticRegression` at its default `C=1`.
    It stops about 2e-5 nats above the minimum, and uses no random numbers.
    Compare encoders with the same solver: the results of the two differ
    slightly.

    The implementation is in NumPy: the result depends neither on the backend
    nor on the device, and the same `seed` gives the same numbers.

    Args:
        train_features: Array of shape `(num_train, dim)`: representations h.
        train_labels: Integers or strings, shape `(num_train,)`.
        test_features: Array of shape `(num_test, dim)`.
        test_labels: Integers or strings, shape `(num_test,)`, of classes in
            the training set.
        epochs: Number of passes over the training set; with
            `solver="lbfgs"` the maximum number.
        batch_size: Number of rows in a step of SGD.
        learning_rate: Initial learning rate of SGD. `None` is the rule above.
        seed: Integer. Decides the order of the rows in every epoch of SGD.
        verbose: 0 is silent, `"auto"` or 1 shows a progress bar, 2 one line
            at the end.
        solver: `"sgd"`, SimCLR's protocol, or `"lbfgs"`, the optimum.

    Returns:
        A dictionary of floats, all on the test set: `"accuracy"`,
        `"top5_accuracy"` (if there are more than 5 classes) and `"loss"`, the
        mean cross-entropy in nats.

    Raises:
        ValueError: If features are not finite, non-empty matrices of one
            width, the labels do not match the features, the test set has a
            class that the training set lacks, a number is not positive,
            `solver` is unknown, or `learning_rate` is given for L-BFGS.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import linear_probe

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = np.eye(3)[labels] + 0.1 * rng.standard_normal((300, 3))
    scores = linear_probe(
        features[:200], labels[:200], features[200:], labels[200:], epochs=10
    )
    print(scores["accuracy"])  # 1.0
    ```

    Reference:
        - [Chen et al., 2020](https://arxiv.org/abs/2002.05709), section 2.3
          and appendix B.6
        - [Radford et al., 2021](https://arxiv.org/abs/2103.00020), appendix
          A.3, on L-BFGS
    """
    data = check_probe_data(
        train_features, train_labels, test_features, test_labels
    )
    check_positive_int("epochs", epochs)
    check_positive_int("batch_size", batch_size)
    check_solver(solver)
    if solver == "lbfgs" and learning_rate is not None:
        raise ValueError(
            "`learning_rate` is for solver='sgd': L-BFGS has none. "
            f"Received: learning_rate={learning_rate}"
        )
    if learning_rate is None:
        learning_rate = 0.1 * batch_size / 256
    check_positive("learning_rate", learning_rate)

    statistics = feature_statistics(data.train_features)
    inputs = standardized_inputs(data.train_features, *statistics)
    num_classes = len(data.classes)
    progress = Progbar(
        epochs,
        verbose=1 if verbose == "auto" else verbose,
        stateful_metrics=["loss"],
        unit_name="epoch",
    )
    if solver == "lbfgs":
        weights = solve_probe(
            inputs, data.train_index, num_classes, epochs, progress
        )
    else:
        weights = _train(
            inputs,
            data.train_index,
            num_classes,
            epochs,
            batch_size,
            learning_rate,
            np.random.default_rng(seed),
            progress,
        )
    test_inputs = standardized_inputs(data.test_features, *statistics)
    return probe_scores(test_inputs @ weights, data.test_index)


class ProbeData(NamedTuple):
    """Checked features and labels of a probe.

    Attributes:
        train_features, test_features: Float32 arrays `(rows, dim)`.
        train_index, test_index: Int arrays `(rows,)`, positions in `classes`.
        classes: Sorted array of the labels of the training set.
    """

    train_features: np.ndarray
    train_index: np.ndarray
    test_features: np.ndarray
    test_index: np.ndarray
    classes: np.ndarray


def check_probe_data(
    train_features: Any,
    train_labels: Any,
    test_features: Any,
    test_labels: Any,
) -> ProbeData:
    """Converts what `linear_probe` takes, or raises a `ValueError`."""
    train_features = as_features(train_features, "train_features")
    test_features = as_features(test_features, "test_features")
    check_same_width(train_features, test_features)
    train_labels = as_labels(train_labels, "train_labels", len(train_features))
    test_labels = as_labels(test_labels, "test_labels", len(test_features))
    unseen = np.setdiff1d(test_labels, train_labels)
    if len(unseen):
        raise ValueError(
            "`test_labels` must hold classes that `train_labels` has too. "
            f"Received {len(unseen)} others, such as {unseen[0]!r}."
        )
    classes, train_index = np.unique(train_labels, return_inverse=True)
    test_index = np.searchsorted(classes, test_labels)
    return ProbeData(
        train_features, train_index, test_features, test_index, classes
    )


def check_solver(solver: str) -> None:
    """Raises unless `linear_probe` knows the solver."""
    if solver not in ("sgd", "lbfgs"):
        raise ValueError(
            f"`solver` must be 'sgd' or 'lbfgs'. Received: solver={solver!r}"
        )


def feature_statistics(features: np.ndarray) -> tuple:
    """Returns the mean and the standard deviation of each feature."""
    # In blocks that stay in the cache as float64. Relative to the first row,
    # since the sum of squares of large features would lose their deviations.
    total, squares = np.zeros((2, features.shape[1]))
    for start in range(0, len(features), STATISTICS_ROWS):
        rows = features[start : start + STATISTICS_ROWS].astype("float64")
        rows -= features[0]
        total += rows.sum(axis=0)
        squares += np.einsum("rd,rd->d", rows, rows)
    offset = total / len(features)
    variance = np.maximum(squares / len(features) - offset**2, 0.0)
    mean = (features[0] + offset).astype("float32")
    scale = np.sqrt(variance).astype("float32")
    # A constant feature holds rounding noise only, which must not be amplified.
    is_constant = scale <= 1e-6 * np.abs(mean)
    return mean, np.where(is_constant, np.float32(1.0), scale)


def standardized_inputs(features: np.ndarray, mean: Any, scale: Any) -> Any:
    """Standardizes, and appends a column of ones for the bias."""
    inputs = np.ones((len(features), features.shape[1] + 1), "float32")
    standardized = inputs[:, :-1]
    np.subtract(features, mean, out=standardized)
    standardized /= scale
    return inputs


def _train(
    inputs,
    class_index,
    num_classes,
    epochs,
    batch_size,
    learning_rate,
    rng,
    progress,
):
    """Minimizes the cross-entropy by SGD; returns the weights."""
    # Start at zero: the problem is convex, so any start would do.
    # Stored in the layout of the gradients, classes first.
    weights = np.zeros((num_classes, inputs.shape[1]), "float32").T
    velocity = np.zeros_like(weights)
    starts = range(0, len(inputs), batch_size)
    num_steps = epochs * len(starts)
    step = 0
    for epoch in range(epochs):
        order = rng.permutation(len(inputs))
        epoch_loss = 0.0
        for start in starts:
            rows = order[start : start + batch_size]
            loss, gradient = _loss_and_gradient(
                weights, inputs[rows], class_index[rows]
            )
            decay = 0.5 * (1.0 + math.cos(math.pi * step / num_steps))
            update = np.float32(learning_rate * decay) * gradient
            velocity = MOMENTUM * velocity - update
            weights += MOMENTUM * velocity - update
            epoch_loss += loss * len(rows)
            step += 1
        progress.update(epoch + 1, [("loss", epoch_loss / len(inputs))])
    return weights


def solve_probe(
    inputs: np.ndarray,
    class_index: np.ndarray,
    num_classes: int,
    max_passes: int,
    progress: Progbar | None = None,
) -> np.ndarray:
    """Minimizes the penalized cross-entropy; returns the weights."""
    passes = 0

    def report(count, loss):
        nonlocal passes
        passes = count
        if progress:
            progress.update(passes, [("loss", loss)], finalize=False)

    def loss_and_gradient(weights):
        loss, gradient = 0.0, np.zeros(weights.shape)
        for start in range(0, len(inputs), BLOCK):
            block = slice(start, start + BLOCK)
            share = len(inputs[block]) / len(inputs)
            of_block = _loss_and_gradient(
                weights, inputs[block], class_index[block]
            )
            loss += share * of_block[0]
            gradient += share * of_block[1]
        return loss, gradient

    weights = solve_softmax_regression(
        loss_and_gradient,
        inputs,
        num_classes,
        1.0 / len(inputs),
        max_passes,
        report,
    )
    if progress:
        progress.update(passes, finalize=True)
    return weights


def _log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def _loss_and_gradient(weights, inputs, class_index):
    """Returns the mean cross-entropy and its gradient in `weights`."""
    # Classes first: NumPy sums over few classes faster along the first axis.
    logits = weights.T @ inputs.T
    logits -= logits.max(axis=0)
    probability = np.exp(logits)
    total = probability.sum(axis=0)
    rows = np.arange(len(inputs))
    loss = np.mean(np.log(total) - logits[class_index, rows])
    probability /= total
    probability[class_index, rows] -= 1.0
    gradient = (probability @ inputs).T
    return float(loss), gradient / np.float32(len(inputs))


def probe_scores(
    logits: np.ndarray, class_index: np.ndarray
) -> dict[str, float]:
    """Accuracies and mean cross-entropy of logits `(rows, classes)`."""
    rows = np.arange(len(logits))
    own = logits[rows, class_index][:, None]
    # The rank of the correct class; ties count against it.
    rank = (logits >= own).sum(axis=1) - 1
    scores = {"accuracy": float((rank < 1).mean())}
    if logits.shape[1] > 5:
        scores["top5_accuracy"] = float((rank < 5).mean())
    scores["loss"] = float(-_log_softmax(logits)[rows, class_index].mean())
    return scores
