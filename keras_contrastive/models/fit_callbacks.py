import keras

from keras_contrastive.callbacks.equal_start import EqualStart
from keras_contrastive.callbacks.start_epoch import StartEpoch
from keras_contrastive.callbacks.training_health import TrainingHealth


def fit_callbacks(callbacks, data):
    """What the user gave to `fit`, among those that each `fit` has."""
    callbacks = callbacks or []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    if isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    # First, so that whoever looks at bad weights comes after it.
    health = [c for c in callbacks if isinstance(c, TrainingHealth)]
    others = [c for c in callbacks if c not in health]
    return [
        *(health or [TrainingHealth()]),
        *others,
        EqualStart(),
        StartEpoch(data),
    ]
