import keras

from keras_contrastive.callbacks.training_health import TrainingHealth
from keras_contrastive.datasets.pipeline.epoch_dataset import EpochDataset
from keras_contrastive.trainer.initial_weights import EqualStart
from keras_contrastive.trainer.separate_weights import SeparateWeights


def default_callbacks(callbacks, data, model):
    """Adds the built-in callbacks of `fit` to the user's.

    Args:
        callbacks: The user's argument of `fit`: a list of callbacks, a single
            callback, a `keras.callbacks.CallbackList` or `None`.
        data: The `x` of `fit`.
        model: The model.

    Returns:
        A list. If the user passed a `CallbackList`, it is wrapped in another
        one and not changed.
    """
    params = getattr(callbacks, "params", None) or {}
    is_container = isinstance(callbacks, keras.callbacks.CallbackList)
    user = keras.tree.flatten(callbacks or [])
    _choose_modes(user)
    # First, so that callbacks that inspect bad weights run after it.
    health = [c for c in user if isinstance(c, TrainingHealth)]
    others = [c for c in user if c not in health]
    if not any(_has_health(callback) for callback in user):
        health = [TrainingHealth()]
    # First, since a callback may predict at the end of the training.
    added = [SeparateWeights(), *health, *others]
    added += [EqualStart(), StartEpoch(data)]
    if not is_container:
        return added
    return keras.callbacks.CallbackList(added, model=model, **params)


def _choose_modes(callbacks):
    """Sets the mode of callbacks that choose it automatically.

    `EarlyStopping`, `ModelCheckpoint` and `ReduceLROnPlateau` with
    `mode="auto"` know only the metrics of Keras.
    """
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CallbackList):
            _choose_modes(callback.callbacks)
        elif getattr(callback, "mode", None) == "auto":
            name = str(getattr(callback, "monitor", "")).removeprefix("val_")
            if name.endswith(("_loss", "alignment", "uniformity")):
                callback.mode = "min"
            elif name.endswith(("accuracy", "effective_rank")) or (
                "recall@" in name
            ):
                callback.mode = "max"


def _has_health(callback):
    if isinstance(callback, keras.callbacks.CallbackList):
        return any(_has_health(inner) for inner in callback.callbacks)
    return isinstance(callback, TrainingHealth)


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
