"""Data sets whose batches depend on the epoch."""

import abc

import keras


class EpochDataset(keras.utils.PyDataset, abc.ABC):
    """A `PyDataset` whose batches depend on the epoch that it counts.

    Keras does not tell a data set which epoch `fit` starts with.
    `ContrastiveModel.fit` sets `epoch` if a run starts after epoch 0, with
    `initial_epoch` or from a checkpoint. Then the data set counts the epochs.
    """

    @property
    @abc.abstractmethod
    def epoch(self) -> int:
        """The epoch of the next batches, counted from 0. Can be set."""

    @epoch.setter
    @abc.abstractmethod
    def epoch(self, epoch: int): ...
