import keras

from keras_contrastive.callbacks.training_health import TrainingHealth
from keras_contrastive.datasets.pipeline.epoch_dataset import EpochDataset
from keras_contrastive.trainer.initial_weights import EqualStart
from keras_contrastive.trainer.separate_weights import SeparateWeights


def default_callbacks(arguments, model):
    """Adds the built-in callbacks of `fit` to the user's.

    Args:
        arguments: Dict of the arguments of `fit`. Its `callbacks` are a list of
            callbacks, a single callback, a `keras.callbacks.CallbackList` or
            `None`.
        model: The model.

    Returns:
        A list. If the user passed a `CallbackList`, it is wrapped in another
        one and not changed.
    """
    callbacks = arguments.get("callbacks")
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
    added += [EqualStart(), EpochsOfData(arguments)]
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


class EpochsOfData(keras.callbacks.Callback):
    """Sets the epoch of the data sets of `fit` in each of its epochs.

    `ContrastiveModel.fit` adds it. An `EpochDataset` counts its own passes, and
    counts those of others: of a validation on the same data, of a callback that
    predicts, of Keras when it builds the model. And it counts from 0 if `fit`
    starts later, with `initial_epoch` or from a checkpoint.

    In epoch e of `fit`, a data set is in its epoch e. A data set that was read
    before a `fit` that starts at epoch 0 continues to count from there.

    Args:
        arguments: Dict of the arguments of `fit`.
    """

    def __init__(self, arguments):
        super().__init__()
        given = {
            "x": "steps_per_epoch",
            "validation_data": "validation_steps",
        }
        # Whether each epoch of `fit` is a pass over the data.
        self._is_a_pass = {}
        self._starts = {}
        for name, steps in given.items():
            data = arguments.get(name)
            if isinstance(data, EpochDataset):
                # Before Keras reads a batch to build the model.
                self._starts[data] = data.epoch
                is_a_pass = arguments.get(steps) is None
                self._is_a_pass[data] = is_a_pass and self._is_a_pass.get(
                    data, True
                )

    def on_train_begin(self, logs=None):
        self._is_first = True

    def on_epoch_begin(self, epoch, logs=None):
        if self._is_first and epoch:
            self._starts = dict.fromkeys(self._starts, 0)
        for data, start in self._starts.items():
            if self._is_a_pass[data] or (self._is_first and epoch):
                data.begin_epoch(start + epoch)
        self._is_first = False
