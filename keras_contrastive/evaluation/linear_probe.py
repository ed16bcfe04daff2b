"""Linear evaluation: a logistic layer trained on frozen representations."""

import math
from typing import Any

import numpy as np
from keras.utils import Progbar

from keras_contrastive.evaluation.probe import check_probe_data
from keras_contrastive.evaluation.probe import feature_statistics
from keras_contrastive.evaluation.probe import loss_and_gradient_of_rows
from keras_contrastive.evaluation.probe import probe_scores
from keras_contrastive.evaluation.probe import solve_probe
from keras_contrastive.evaluation.probe import standardized_inputs
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int

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

    The implementation is in NumPy, so the result does not depend on the backend
    or the device. The same `seed` gives the same result.

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
        seed: Integer, the seed of the order of the rows in the epochs of SGD.
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
    epochs = check_positive_int("epochs", epochs)
    batch_size = check_positive_int("batch_size", batch_size)
    seed = check_int("seed", seed, 0)
    check_solver(solver)
    if solver == "lbfgs" and learning_rate is not None:
        raise ValueError(
            "`learning_rate` is for solver='sgd': L-BFGS has none. "
            f"Received: learning_rate={learning_rate}"
        )
    if learning_rate is None:
        learning_rate = 0.1 * batch_size / 256
    learning_rate = check_positive("learning_rate", learning_rate)

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


def check_solver(solver: str) -> None:
    """Raises unless `linear_probe` knows the solver."""
    check_choice("solver", solver, ("sgd", "lbfgs"))


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
    # Starts at zero; since the problem is convex, any start works. The weights
    # have the layout of the gradients, classes first.
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
            loss, gradient = loss_and_gradient_of_rows(
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
