"""Base of the callbacks that score the representation during `fit`."""

import abc
from typing import Any

import keras

from keras_contrastive.callbacks.periodic_evaluation import PeriodicEvaluation
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.extract_features import extract_features
from keras_contrastive.evaluation.extract_features import is_arrays


class RepresentationEvaluation(PeriodicEvaluation):
    """Base class: scores `model.predict` on labeled data during `fit`.

    It extracts features of the training and the test data; `evaluate` turns
    them into a score.

    Args:
        train_data: Labeled data that the classifier learns from: a tuple
            `(images, labels)` of arrays, or a finite dataset of such batches.
        test_data: Labeled data that the classifier is scored on, in either
            form.
        every_n_epochs: Number of epochs from one evaluation to the next.
        batch_size: Number of images in a batch of `predict`, if the data is
            arrays.
        verbose: 0 is silent, 1 shows progress bars.
        name: Key in the logs.
    """

    def __init__(
        self,
        train_data: Any,
        test_data: Any,
        every_n_epochs: int,
        batch_size: int,
        verbose: int,
        name: str,
    ):
        super().__init__([name], every_n_epochs)
        _check_labeled(train_data, "train_data")
        _check_labeled(test_data, "test_data")
        self.train_data = train_data
        self.test_data = test_data
        self.batch_size = batch_size
        self.verbose = verbose
        self.name = name

    @abc.abstractmethod
    def evaluate(
        self,
        train_features: Any,
        train_labels: Any,
        test_features: Any,
        test_labels: Any,
    ) -> float:
        """Returns the score of the features."""

    def scores(self) -> dict[str, float]:
        train = self._extract(self.train_data, "train_data")
        test = self._extract(self.test_data, "test_data")
        return {self.name: self.evaluate(*train, *test)}

    def _extract(self, data, name):
        features, labels = extract_features(
            self.model, data, batch_size=self.batch_size, verbose=self.verbose
        )
        if labels is None:
            raise ValueError(
                f"`{name}` must have labels, as batches of `(images, labels)`. "
                "Received batches of images only."
            )
        return features, labels


def _check_labeled(data, name):
    """Raises for arrays without labels; datasets are read later."""
    if not is_arrays(data):
        return
    if not isinstance(data, tuple) or len(data) != 2:
        raise ValueError(
            f"`{name}` must be a tuple `(images, labels)` or a data set of "
            f"such batches. Received: {type(data).__name__}"
        )
    images, labels = data
    num_examples = len(keras.tree.flatten(images)[0])
    as_labels(labels, f"{name} labels", num_examples)
