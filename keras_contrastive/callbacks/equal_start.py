import keras

from keras_contrastive import distribution
from keras_contrastive.layers.random_state import AdoptedRandomState


class EqualStart(keras.callbacks.Callback):
    """Lets all replicas start from the same weights, but not the same numbers.

    Layers of this package draw other numbers on each replica by themselves;
    those of Keras are made to. `ContrastiveModel.fit` adds this callback
    behind the user's, which may restore a checkpoint.
    """

    def on_train_begin(self, logs=None):
        if distribution.num_replicas() == 1:
            return
        distribution.start_together(
            [*self.model.variables, *self.model.optimizer.variables]
        )
        for generator in self.model.foreign_seed_generators():
            AdoptedRandomState.adopt(generator)
