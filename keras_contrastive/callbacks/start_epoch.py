import keras

from keras_contrastive.datasets.image_text_dataset import ImageTextDataset
from keras_contrastive.datasets.shard_batches import ShardBatches


class StartEpoch(keras.callbacks.Callback):
    """Lets data that count epochs start with the one that `fit` starts with.

    `ContrastiveModel.fit` adds it by itself, for `initial_epoch` and for a
    checkpoint that a run goes on from. Data of other kinds do not know their
    epoch, and are left alone.
    """

    def __init__(self, data):
        super().__init__()
        self._data = data

    def on_train_begin(self, logs=None):
        self._first = True

    def on_epoch_begin(self, epoch, logs=None):
        # From 0 on they count by themselves, over several calls of `fit` too.
        counts = isinstance(self._data, (ImageTextDataset, ShardBatches))
        if self._first and epoch and counts:
            self._data.epoch = epoch
        self._first = False
