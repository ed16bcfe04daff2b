import warnings

import keras

from keras_contrastive import distribution
from keras_contrastive.layers.batch_normalization import BatchNormalization
from keras_contrastive.layers.random_state import AdoptedRandomState


class EqualStart(keras.callbacks.Callback):
    """Calls `start_equal` at the start of `fit`.

    `ContrastiveModel.fit` adds this callback behind the user's, which may
    restore a checkpoint.
    """

    def on_train_begin(self, logs=None):
        start_equal(self.model)


def start_equal(model):
    """Broadcasts the initial weights, and seeds each replica differently.

    Layers of this package draw other numbers on each replica by themselves;
    those of Keras are made to.
    """
    if distribution.num_replicas() == 1:
        return
    distribution.start_together([*model.variables, *model.optimizer.variables])
    for generator in model.foreign_seed_generators():
        AdoptedRandomState.adopt(generator)
    if not model.started_equal:
        _warn_of_local_batch_norm(model)
    model.started_equal = True


def _warn_of_local_batch_norm(model):
    local = [
        layer.path
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
        and not isinstance(layer, BatchNormalization)
        and not layer.synchronized
        and layer.trainable
    ]
    if local:
        warnings.warn(
            f"{len(local)} layers, {local[0]!r} among them, normalise by "
            "the examples of one replica only: training differs from that "
            "on one device, and embeddings show which replica they are "
            "of. Use keras_contrastive.layers.BatchNormalization, or "
            "synchronized=True on TensorFlow.",
            stacklevel=2,
        )
