"""Built-in callbacks leave Keras free to call callbacks in other threads."""

import threading

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import clip
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import simclr

IMAGES, LABELS = images_and_labels()
# Keras never does so with TensorFlow.
HAS_THREADS = keras.backend.backend() != "tensorflow"


class Recorder(keras.callbacks.Callback):
    """Counts the steps that it heard of, by thread."""

    async_safe = True

    def __init__(self):
        super().__init__()
        self.in_main_thread = self.in_others = 0

    def on_train_batch_end(self, batch, logs=None):
        if threading.current_thread() is threading.main_thread():
            self.in_main_thread += 1
        else:
            self.in_others += 1


@pytest.fixture(scope="module")
def model():
    return simclr(num_classes=4)


def fit(model, callbacks, images=IMAGES, **kwargs):
    recorder = Recorder()
    kwargs = {"epochs": 2, "shuffle": False, **kwargs}
    try:
        model.fit(
            *(images, LABELS),
            batch_size=4,
            verbose=0,
            callbacks=[*callbacks, recorder],
            **kwargs,
        )
    finally:
        counts = recorder.in_main_thread, recorder.in_others
    return counts


def test_callbacks_of_every_fit(model):
    steps = fit(model, [], validation_data=(IMAGES, LABELS))
    assert steps == ((0, 8) if HAS_THREADS else (8, 0))


def test_callbacks_of_every_fit_of_clip():
    images, texts = images_and_texts()
    recorder = Recorder()
    clip().fit(
        {"images": images, "texts": texts},
        batch_size=4,
        verbose=0,
        callbacks=[recorder],
    )
    steps = recorder.in_main_thread, recorder.in_others
    assert steps == ((0, 4) if HAS_THREADS else (4, 0))


def test_callbacks_that_act_between_epochs(model, tmp_path):
    data = (IMAGES, LABELS)
    callbacks = [
        kc.callbacks.Checkpoint(tmp_path),
        kc.callbacks.KNNEvaluation(data, data, k=1),
        kc.callbacks.LinearProbeEvaluation(data, data),
        kc.callbacks.TrainingHealth(),
    ]
    steps = fit(model, callbacks)
    assert steps == ((0, 8) if HAS_THREADS else (8, 0))


@pytest.mark.parametrize("kind", ["health", "checkpoint"])
def test_callbacks_that_act_in_steps(model, kind, tmp_path):
    callback = {
        "health": lambda: kc.callbacks.TrainingHealth(every_step=True),
        "checkpoint": lambda: kc.callbacks.Checkpoint(tmp_path, 2),
    }[kind]()
    assert fit(model, [callback]) == (8, 0)


@pytest.mark.parametrize("steps_per_epoch", [None, 1])
def test_a_bad_first_step_is_named(model, steps_per_epoch):
    images = IMAGES / np.float32(255)
    images[2] = np.nan
    begun = []
    recorder = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: begun.append(batch)
    )
    with pytest.raises(ValueError, match="step 1 of epoch 1.*number 2 of"):
        fit(model, [recorder], images, steps_per_epoch=steps_per_epoch)
    assert begun == [0]
