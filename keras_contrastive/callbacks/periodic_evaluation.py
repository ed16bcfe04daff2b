"""Base of the callbacks that score a model periodically during `fit`."""

import abc
import math
from collections.abc import Sequence

import keras

from keras_contrastive.distribution.preserved_random_state import (
    preserved_random_state,
)
from keras_contrastive.validation import check_positive_int


class PeriodicEvaluation(keras.callbacks.Callback, abc.ABC):
    """Base class: adds scores of the model to the logs of `fit`.

    Every `every_n_epochs` epochs and after the last one, the numbers that
    `scores` returns are added to the epoch's logs. `History`, the progress bar
    and callbacks later in the list see them, such as `CSVLogger`,
    `TensorBoard` or `EarlyStopping`.

    Epochs without evaluation log NaN, so that every epoch has a value. A data
    frame of the history needs this. So does `CSVLogger`, which takes its
    columns from the first epoch.

    The model's weights, its optimizer and its random state do not change.

    Args:
        names: Keys in the logs: the keys of the dict that `scores` returns.
        every_n_epochs: Number of epochs from one evaluation to the next.
    """

    def __init__(self, names: Sequence[str], every_n_epochs: int):
        super().__init__()
        self.names = tuple(names)
        self.every_n_epochs = check_positive_int(
            "every_n_epochs", every_n_epochs
        )

    @abc.abstractmethod
    def scores(self) -> dict[str, float]:
        """Returns the scores of `self.model` in its current state."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        is_last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        if is_last or (epoch + 1) % self.every_n_epochs == 0:
            with preserved_random_state():
                scores = self.scores()
        else:
            scores = dict.fromkeys(self.names, math.nan)
        if logs is not None:
            logs.update(scores)
