"""Data sets whose batches depend on the epoch."""

import abc

import keras


class EpochDataset(keras.utils.PyDataset, abc.ABC):
    """A `PyDataset` whose batches depend on the epoch that it counts.

    Keras does not tell a data set in which epoch `fit` is, so the data set
    counts its passes. `ContrastiveModel.fit` sets `epoch` in each epoch, since
    a validation or a callback may read the data set too, and a run may start
    after epoch 0.
    """

    @property
    @abc.abstractmethod
    def epoch(self) -> int:
        """The epoch of the next batches, counted from 0. Can be set."""

    @epoch.setter
    @abc.abstractmethod
    def epoch(self, epoch: int): ...

    def begin_epoch(self, epoch: int) -> None:
        """Sets `epoch`, unless the next batches are already of this epoch.

        Setting it drops batches that are read ahead.
        """
        if self.epoch != epoch:
            self.epoch = epoch
