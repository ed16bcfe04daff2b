"""Linear evaluation: a logistic layer trained on frozen representations."""

import math
from typing import Any

import numpy as np
from keras.utils import Progbar

from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.checks import check_positive
from keras_contrastive.evaluation.checks import check_same_width

MOMENTUM = 0.9


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
) -> dict[str, float]:
    """Trains a linear classifier on features and scores it on others.

    This is the linear evaluation protocol of SimCLR on cached features:
    multinomial logistic regression, `softmax(W x + b)`, by SGD with Nesterov
    momentum 0.9, without weight decay, at the learning rate
    `0.1 * batch_size / 256`, which a cosine takes to 0 over the training.
    Features are computed once, so the paper's random crops and flips of the
    training images take no part.

    The features are standardised by the mean and the standard deviation of
    the training set, as a frozen batch normalisation would. The protocol's
    learning rate then fits encoders of any output scale.

    It is written in NumPy: the outcome depends neither on the backend nor on
    the device, and the same `seed` gives the same numbers.

    Args:
        train_features: Array of shape `(num_train, dim)`: representations h.
        train_labels: Integers or strings, shape `(num_train,)`.
        test_features: Array of shape `(num_test, dim)`.
        test_labels: Integers or strings, shape `(num_test,)`, of classes that
            the training set has.
        epochs: Number of passes over the training set.
        batch_size: Number of rows in a step.
        learning_rate: Initial learning rate. `None` is the rule above.
        seed: Integer. Decides the order of the rows in every epoch.
        verbose: 0 is silent, `"auto"` or 1 shows a progress bar, 2 one line
            at the end.

    Returns:
        A dictionary of floats, all on the test set: `"accuracy"`,
        `"top5_accuracy"` (if there are more than 5 classes) and `"loss"`, the
        mean cross-entropy in nats.

    Raises:
        ValueError: If features are not finite, non-empty matrices of one
            width, the labels do not match the features, the test set has a
            class that the training set lacks, or a number is not positive.

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
    """
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
    check_positive(epochs, "epochs")
    check_positive(batch_size, "batch_size")
    if learning_rate is None:
        learning_rate = 0.1 * batch_size / 256
    check_positive(learning_rate, "learning_rate")

    classes, train_index = np.unique(train_labels, return_inverse=True)
    test_index = np.searchsorted(classes, test_labels)
    mean, scale = _statistics(train_features)
    weights = _train(
        _inputs(train_features, mean, scale),
        train_index,
        len(classes),
        epochs,
        batch_size,
        learning_rate,
        np.random.default_rng(seed),
        verbose,
    )
    logits = _inputs(test_features, mean, scale) @ weights
    return _scores(logits, test_index)


def _statistics(features):
    """Returns the mean and the standard deviation of each feature."""
    mean = features.mean(axis=0, dtype="float64").astype("float32")
    scale = features.std(axis=0, dtype="float64").astype("float32")
    # A constant feature holds rounding noise only, which must not be blown up.
    is_constant = scale <= 1e-6 * np.abs(mean)
    return mean, np.where(is_constant, np.float32(1.0), scale)


def _inputs(features, mean, scale):
    """Standardises, and appends the column of ones that meets the bias."""
    standardized = (features - mean) / scale
    return np.pad(standardized, ((0, 0), (0, 1)), constant_values=1.0)


def _train(
    inputs,
    class_index,
    num_classes,
    epochs,
    batch_size,
    learning_rate,
    rng,
    verbose,
):
    """Minimises the cross-entropy by SGD; returns the weights."""
    # Zero is as good a start as any: the problem is convex.
    weights = np.zeros((inputs.shape[1], num_classes), "float32")
    velocity = np.zeros_like(weights)
    starts = range(0, len(inputs), batch_size)
    num_steps = epochs * len(starts)
    step = 0
    progress = Progbar(
        epochs,
        verbose=1 if verbose == "auto" else verbose,
        stateful_metrics=["loss"],
        unit_name="epoch",
    )
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


def _log_softmax(logits):
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _loss_and_gradient(weights, inputs, class_index):
    """Returns the mean cross-entropy and its gradient by `weights`."""
    log_probability = _log_softmax(inputs @ weights)
    rows = np.arange(len(inputs))
    loss = -log_probability[rows, class_index].mean()
    error = np.exp(log_probability)
    error[rows, class_index] -= 1.0
    return float(loss), inputs.T @ error / np.float32(len(inputs))


def _scores(logits, class_index):
    rows = np.arange(len(logits))
    own = logits[rows, class_index][:, None]
    # The rank of the right class, counting ties against it.
    rank = (logits >= own).sum(axis=1) - 1
    scores = {"accuracy": float((rank < 1).mean())}
    if logits.shape[1] > 5:
        scores["top5_accuracy"] = float((rank < 5).mean())
    scores["loss"] = float(-_log_softmax(logits)[rows, class_index].mean())
    return scores
