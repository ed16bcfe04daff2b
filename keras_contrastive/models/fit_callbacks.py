import keras

from keras_contrastive.callbacks.equal_start import EqualStart
from keras_contrastive.callbacks.start_epoch import StartEpoch
from keras_contrastive.callbacks.training_health import TrainingHealth


def fit_callbacks(callbacks, data, model):
    """Adds the callbacks that each `fit` has to the user's.

    Args:
        callbacks: What the user gave to `fit`: a list of callbacks, one, a
            `keras.callbacks.CallbackList` or `None`.
        data: The `x` of `fit`.
        model: The model.

    Returns:
        A list; a `CallbackList` around the user's if there is one, which stays
        as it is.
    """
    params = getattr(callbacks, "params", None) or {}
    is_container = isinstance(callbacks, keras.callbacks.CallbackList)
    user = keras.tree.flatten(callbacks or [])
    # First, so that whoever looks at bad weights comes after it.
    health = [c for c in user if isinstance(c, TrainingHealth)]
    others = [c for c in user if c not in health]
    if not any(_has_health(callback) for callback in user):
        health = [TrainingHealth()]
    added = [*health, *others, EqualStart(), StartEpoch(data)]
    if not is_container:
        return added
    return keras.callbacks.CallbackList(added, model=model, **params)


def _has_health(callback):
    if isinstance(callback, keras.callbacks.CallbackList):
        return any(_has_health(inner) for inner in callback.callbacks)
    return isinstance(callback, TrainingHealth)
