import keras

from keras_contrastive import distribution


class EqualStart(keras.callbacks.Callback):
    """Lets all replicas start from the same weights.

    `ContrastiveModel.fit` adds it by itself, behind the user's callbacks,
    which may restore a checkpoint.
    """

    def on_train_begin(self, logs=None):
        distribution.start_together(
            [*self.model.variables, *self.model.optimizer.variables]
        )
