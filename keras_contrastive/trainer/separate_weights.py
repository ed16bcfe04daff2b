"""Weights that do not share their memory with moving averages, on JAX."""

import keras
from keras import ops


class SeparateWeights(keras.callbacks.Callback):
    """Copies the weights at the end of `fit`, if the optimizer averages them.

    With `use_ema=True`, Keras ends `fit` by assigning the averages to the
    weights. On JAX the two then are the same arrays. A step donates the arrays
    of its state: another `fit` would donate them twice, which is an error, and
    `predict` would donate the weights and leave deleted averages.
    """

    def on_train_end(self, logs=None):
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if keras.backend.backend() == "jax" and optimizer.use_ema:
            for variable in self.model.trainable_variables:
                variable.assign(ops.copy(variable))
