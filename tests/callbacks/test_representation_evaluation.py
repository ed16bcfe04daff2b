"""`KNNEvaluation` and `LinearProbeEvaluation` inside `fit`."""

import csv

import keras
import numpy as np
import pytest

from keras_contrastive.callbacks import KNNEvaluation
from keras_contrastive.callbacks import LinearProbeEvaluation
from keras_contrastive.evaluation import knn_classify
from keras_contrastive.evaluation import linear_probe

LABELS = np.random.default_rng(0).integers(0, 2, 48)
IMAGES = np.random.default_rng(1).random((48, 4, 4, 3)).astype("float32")
IMAGES += LABELS[:, None, None, None]
TRAIN = IMAGES[:32], LABELS[:32]
TEST = IMAGES[32:], LABELS[32:]


def make_callback(cls, **kwargs):
    specific = {KNNEvaluation: {"k": 5}, LinearProbeEvaluation: {"epochs": 5}}
    return cls(TRAIN, TEST, **specific[cls], **kwargs)


def fit(callbacks, epochs=3):
    """Trains a model with random and with moving state."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(4),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    history = model.fit(
        IMAGES,
        np.eye(4)[LABELS],
        batch_size=16,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
    )
    return model, history.history


both = pytest.mark.parametrize("cls", [KNNEvaluation, LinearProbeEvaluation])


@pytest.mark.one_case
@both
def test_training_is_untouched(cls):
    """The same losses, weights, optimizer and random state to the last bit."""
    plain, plain_history = fit([])
    watched, history = fit([make_callback(cls)])
    assert history["loss"] == plain_history["loss"]
    for a, b in zip(plain.variables, watched.variables, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))
    assert len(plain.optimizer.variables) == len(watched.optimizer.variables)
    for a, b in zip(
        plain.optimizer.variables, watched.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))


@pytest.mark.one_case
@both
def test_evaluates_every_n_epochs_and_after_the_last(cls):
    callback = make_callback(cls, every_n_epochs=2)
    _, history = fit([callback], epochs=5)
    values = np.array(history[callback.name])
    np.testing.assert_array_equal(np.isnan(values), [1, 0, 1, 0, 0])


def test_value_is_that_of_the_weights_after_the_epoch():
    model, history = fit([make_callback(KNNEvaluation)])
    predicted = knn_classify(
        model.predict(TRAIN[0], verbose=0),
        TRAIN[1],
        model.predict(TEST[0], verbose=0),
        k=5,
    )
    assert history["knn_accuracy"][-1] == np.mean(predicted == TEST[1])


@pytest.mark.one_backend
@both
def test_names_and_numbers_of_classes_are_not_compared(cls):
    """They would never be equal: an accuracy of 0."""
    names = np.array(["cat", "dog"])[TEST[1]]
    arguments = {"k": 5} if cls is KNNEvaluation else {}
    callback = cls(TRAIN, (TEST[0], names), **arguments)
    with pytest.raises(ValueError, match="`train_labels`.*both be strings"):
        fit([callback], epochs=1)


@pytest.mark.one_backend
def test_the_probe_takes_either_solver():
    model, history = fit([LinearProbeEvaluation(TRAIN, TEST, solver="lbfgs")])
    features = [model.predict(x, verbose=0) for x, _ in (TRAIN, TEST)]
    expected = linear_probe(
        features[0], TRAIN[1], features[1], TEST[1], solver="lbfgs", verbose=0
    )
    last = history["linear_probe_accuracy"][-1]
    assert last == pytest.approx(expected["accuracy"])
    with pytest.raises(ValueError, match="`solver` must be"):
        LinearProbeEvaluation(TRAIN, TEST, solver="newton")


def test_early_stop_is_evaluated():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    callback = make_callback(KNNEvaluation, every_n_epochs=10)
    _, history = fit([Stop(), callback], epochs=5)
    assert len(history["knn_accuracy"]) == 2
    assert not np.isnan(history["knn_accuracy"][-1])


def test_loggers_and_early_stopping_see_the_values(tmp_path):
    callbacks = [
        make_callback(KNNEvaluation, every_n_epochs=2),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        keras.callbacks.EarlyStopping("knn_accuracy", mode="max", patience=9),
    ]
    _, history = fit(callbacks)
    with open(tmp_path / "log.csv") as file:
        column = [float(row["knn_accuracy"]) for row in csv.DictReader(file)]
    np.testing.assert_array_equal(column, history["knn_accuracy"])


def test_two_names_live_side_by_side():
    callbacks = [
        make_callback(KNNEvaluation, name="a"),
        make_callback(KNNEvaluation, name="b"),
    ]
    _, history = fit(callbacks, epochs=1)
    assert history["a"] == history["b"]


def test_data_sets_of_batches():
    batches = [(IMAGES[:20], LABELS[:20]), (IMAGES[20:32], LABELS[20:32])]
    callback = KNNEvaluation(batches, TEST, k=5)
    _, history = fit([callback, make_callback(KNNEvaluation, name="arrays")])
    assert history["knn_accuracy"] == history["arrays"]


def test_does_not_trace_the_model_anew_at_each_evaluation():
    if keras.backend.backend() == "torch":
        pytest.skip("PyTorch runs eagerly.")
    traces = []

    class Traced(keras.layers.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    def count(epochs):
        traces.clear()
        model = keras.Sequential([keras.layers.Flatten(), Traced()])
        model.compile(loss="mse")
        callback = make_callback(KNNEvaluation)
        x, y = IMAGES, np.zeros((48, 48))
        model.fit(x, y, epochs=epochs, callbacks=[callback], verbose=0)
        return len(traces)

    assert count(4) == count(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_data": IMAGES}, "`train_data`"),
        ({"test_data": (IMAGES, LABELS[:3])}, "`test_data labels`"),
        ({"k": 0}, "`k`"),
        ({"k": 33}, "`k`"),
        ({"temperature": 0.0}, "`temperature`"),
        ({"every_n_epochs": 0}, "`every_n_epochs`"),
    ],
)
def test_bad_arguments_are_refused_before_training(change, message):
    args = {"train_data": TRAIN, "test_data": TEST, "k": 5, **change}
    with pytest.raises(ValueError, match=message):
        KNNEvaluation(**args)


def test_unlabeled_data_set_is_refused():
    callback = KNNEvaluation([IMAGES], TEST, k=5)
    with pytest.raises(ValueError, match="`train_data` must have labels"):
        fit([callback])
