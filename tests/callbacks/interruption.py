"""A training that ends in the middle, as by a power cut."""

import keras


class Interrupted(Exception):
    pass


class Interrupt(keras.callbacks.Callback):
    """Raises after a number of steps: what a power cut is to the files."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Interrupted
