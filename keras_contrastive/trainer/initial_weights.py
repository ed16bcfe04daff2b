import warnings

import keras

from keras_contrastive import distribution
from keras_contrastive.layers.batch_normalization import BatchNormalization
from keras_contrastive.layers.random_state import AdoptedRandomState
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.random_states import unsaved_seed_generators


class EqualStart(keras.callbacks.Callback):
    """Calls `start_equal` at the start of `fit`.

    `fit` adds this callback after the user's, which may restore a checkpoint.
    """

    def on_train_begin(self, logs=None):
        start_equal(self.model)


def start_equal(model):
    """Broadcasts the initial weights; seeds each replica differently.

    The layers of this package draw different random numbers on each replica.
    Keras' layers do not, so this function replaces their seeds.
    """
    if distribution.num_replicas() == 1:
        return
    distribution.start_together([*model.variables, *model.optimizer.variables])
    for generator in unsaved_seed_generators(model):
        AdoptedRandomState.adopt(generator)
    if not model.started_equal:
        _warn_of_local_batch_norm(model)
    model.started_equal = True


def _warn_of_local_batch_norm(model):
    local = [
        layer.path
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
        and not isinstance(layer, BatchNormalization)
        and not layer.synchronized
        and layer.trainable
    ]
    if local:
        warnings.warn(
            f"{len(local)} layers, {local[0]!r} among them, normalize by "
            "the examples of one replica only: training differs from "
            "training on one device, and embeddings reveal which replica "
            "computed them. Use keras_contrastive.layers.BatchNormalization, "
            "or synchronized=True on TensorFlow.",
            stacklevel=2,
        )
