"""Callbacks of Keras that monitor the metrics of this package."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.callbacks.default_callbacks import default_callbacks
from tests.models.helpers import clip
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import simclr

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize(
    "name, mode",
    [
        ("contrastive_accuracy", "max"),
        ("val_probe_accuracy", "max"),
        ("val_knn_accuracy", "max"),
        ("val_image_to_text_recall@1", "max"),
        ("effective_rank", "max"),
        ("val_probe_loss", "min"),
        ("alignment", "min"),
        ("val_uniformity", "min"),
        ("val_loss", "auto"),  # Keras knows it.
        ("logit_scale", "auto"),  # Neither is better.
    ],
)
def test_knows_which_value_is_better(name, mode):
    stopping = keras.callbacks.EarlyStopping(name)
    callbacks = [keras.callbacks.CallbackList([stopping])]
    default_callbacks({"callbacks": callbacks}, keras.Model())
    assert stopping.mode == mode


def test_keeps_the_mode_of_the_user():
    stopping = keras.callbacks.EarlyStopping("val_knn_accuracy", mode="min")
    default_callbacks({"callbacks": stopping}, keras.Model())
    assert stopping.mode == "min"


def test_fit_with_callbacks_that_monitor(tmp_path):
    images, labels = images_and_labels()
    model = simclr(num_classes=4)
    model.fit(
        images,
        labels,
        batch_size=8,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("contrastive_accuracy"),
            keras.callbacks.ReduceLROnPlateau("probe_accuracy"),
            keras.callbacks.ModelCheckpoint(
                tmp_path / "best.keras",
                monitor="probe_accuracy",
                save_best_only=True,
            ),
        ],
    )
    assert (tmp_path / "best.keras").exists()
    images, texts = images_and_texts()
    evaluation = kc.callbacks.RetrievalEvaluation(
        images, texts, np.arange(len(images)), ks=(1,)
    )
    stopping = keras.callbacks.EarlyStopping("val_text_to_image_recall@1")
    clip().fit(
        images, texts, batch_size=8, verbose=0, callbacks=[evaluation, stopping]
    )
    assert stopping.best is not None
