import keras

from keras_contrastive.datasets.pipeline.epoch_dataset import EpochDataset


class StartEpoch(keras.callbacks.Callback):
    """Sets the data's epoch to the one that `fit` starts with.

    `ContrastiveModel.fit` adds it, for `initial_epoch` and for runs that
    resume from a checkpoint. Data that is not an `EpochDataset` has no epoch
    and is left unchanged.
    """

    def __init__(self, data):
        super().__init__()
        self._data = data

    def on_train_begin(self, logs=None):
        self._first = True

    def on_epoch_begin(self, epoch, logs=None):
        # Datasets count their epochs from 0, even across several calls of
        # `fit`.
        counts = isinstance(self._data, EpochDataset)
        if self._first and epoch and counts:
            self._data.epoch = epoch
        self._first = False
