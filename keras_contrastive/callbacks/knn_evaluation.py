"""kNN accuracy of the representation during training."""

from typing import Any

import numpy as np

from keras_contrastive.callbacks.representation_evaluation import (
    RepresentationEvaluation,
)
from keras_contrastive.evaluation.checks import check_same_kind
from keras_contrastive.evaluation.extract_features import is_arrays
from keras_contrastive.evaluation.knn_classify import knn_classify
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int


class KNNEvaluation(RepresentationEvaluation):
    """Logs the accuracy of a weighted kNN classifier on the representation.

    Every `every_n_epochs` epochs and after the last one, `knn_accuracy` in
    the logs is the fraction of test images that `evaluation.knn_classify`
    labels correctly from `model.predict`, which for a `SimCLRModel` is the
    representation h. Epochs in between log NaN. `History`, the progress bar
    and callbacks later in the list see it. The callback does not affect
    training.

    Tune on a split of the training set, and keep the test set for the end.

    Args:
        train_data: Labeled images that vote: a tuple `(images, labels)` of
            arrays, or a finite dataset of such batches.
        test_data: Labeled images to classify, in either form.
        k: Number of neighbors that vote.
        temperature: Positive float; a vote weighs
            `exp(similarity / temperature)`.
        every_n_epochs: Number of epochs from one evaluation to the next.
        batch_size: Number of images in a batch of `predict`, if the data is
            arrays.
        verbose: 0 is silent, 1 shows progress bars.
        name: Key in the logs.

    Raises:
        ValueError: If arrays have no matching labels, or a number is out of
            range.

    Example:

    ```python
    import keras
    import numpy as np
    from keras_contrastive.callbacks import KNNEvaluation

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    images = rng.random((64, 8, 8, 3)) * 0.5 + 0.5 * labels[:, None, None, None]
    model = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    model.compile("sgd", "mse")
    knn = KNNEvaluation(
        (images[:48], labels[:48]), (images[48:], labels[48:]), k=5
    )
    history = model.fit(
        images, np.zeros((64, 4)), callbacks=[knn], verbose=0
    )
    print(history.history["knn_accuracy"])
    ```

    Reference:
        - [Wu et al., 2018](https://arxiv.org/abs/1805.01978), section 3.4
    """

    def __init__(
        self,
        train_data: Any,
        test_data: Any,
        k: int = 200,
        temperature: float = 0.1,
        every_n_epochs: int = 1,
        batch_size: int = 256,
        verbose: int = 0,
        name: str = "knn_accuracy",
    ):
        super().__init__(
            train_data, test_data, every_n_epochs, batch_size, verbose, name
        )
        k = check_positive_int("k", k)
        temperature = check_positive("temperature", temperature)
        if is_arrays(train_data) and k > len(train_data[1]):
            raise ValueError(
                "`k` must be at most the number of training images, "
                f"{len(train_data[1])}. Received: k={k}"
            )
        self.k = k
        self.temperature = temperature

    def evaluate(
        self,
        train_features: Any,
        train_labels: Any,
        test_features: Any,
        test_labels: Any,
    ) -> float:
        check_same_kind(train_labels, test_labels)
        predicted = knn_classify(
            train_features,
            train_labels,
            test_features,
            k=self.k,
            temperature=self.temperature,
        )
        return float(np.mean(predicted == test_labels))
