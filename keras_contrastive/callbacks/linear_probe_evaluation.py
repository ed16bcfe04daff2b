"""Linear probe accuracy of the representation during training."""

from typing import Any

from keras_contrastive.callbacks.representation_evaluation import (
    RepresentationEvaluation,
)
from keras_contrastive.evaluation.linear_probe import check_solver
from keras_contrastive.evaluation.linear_probe import linear_probe
from keras_contrastive.validation import check_positive_int


class LinearProbeEvaluation(RepresentationEvaluation):
    """Logs the accuracy of a linear probe on the representation.

    Every `every_n_epochs` epochs and after the last one,
    `linear_probe_accuracy` in the logs is the accuracy of
    `evaluation.linear_probe`, trained from scratch on `model.predict`, which
    for a `SimCLRModel` is the representation h. Epochs in between log NaN.
    `History`, the progress bar and callbacks later in the list see it. The
    callback does not affect pre-training.

    Tune on a split of the training set, and keep the test set for the end.

    Args:
        train_data: Labeled images that the probe is trained on: a tuple
            `(images, labels)` of arrays, or a finite dataset of such batches.
        test_data: Labeled images that the probe is scored on, in either form.
        epochs: Number of passes of the probe over its training features.
        every_n_epochs: Number of epochs of pre-training from one evaluation
            to the next.
        batch_size: Number of images in a batch of `predict`, if the data is
            arrays. The probe itself always uses batches of 256, as in the
            protocol.
        verbose: 0 is silent, 1 shows progress bars.
        name: Key in the logs.
        solver: `"sgd"`, SimCLR's protocol, or `"lbfgs"`, which finds the
            optimum in fewer passes; see `evaluation.linear_probe`.

    Raises:
        ValueError: If arrays have no matching labels, a number is out of
            range, or `solver` is unknown.

    Example:

    ```python
    import keras
    import numpy as np
    from keras_contrastive.callbacks import LinearProbeEvaluation

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    images = rng.random((64, 8, 8, 3)) * 0.5 + 0.5 * labels[:, None, None, None]
    model = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    model.compile("sgd", "mse")
    probe = LinearProbeEvaluation(
        (images[:48], labels[:48]), (images[48:], labels[48:]), epochs=20
    )
    history = model.fit(
        images, np.zeros((64, 4)), callbacks=[probe], verbose=0
    )
    print(history.history["linear_probe_accuracy"])
    ```

    Reference:
        - [Chen et al., 2020](https://arxiv.org/abs/2002.05709), section 2.3
          and appendix B.6
    """

    def __init__(
        self,
        train_data: Any,
        test_data: Any,
        epochs: int = 100,
        every_n_epochs: int = 1,
        batch_size: int = 256,
        verbose: int = 0,
        name: str = "linear_probe_accuracy",
        solver: str = "sgd",
    ):
        super().__init__(
            train_data, test_data, every_n_epochs, batch_size, verbose, name
        )
        epochs = check_positive_int("epochs", epochs)
        check_solver(solver)
        self.epochs = epochs
        self.solver = solver

    def evaluate(
        self,
        train_features: Any,
        train_labels: Any,
        test_features: Any,
        test_labels: Any,
    ) -> float:
        scores = linear_probe(
            train_features,
            train_labels,
            test_features,
            test_labels,
            epochs=self.epochs,
            verbose=self.verbose,
            solver=self.solver,
        )
        return scores["accuracy"]
