"""Bad values are reported in each entry of a model, and cost no weights."""

import re
import threading
import warnings

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.keras_internals import HookedModel
from tests.models.helpers import END
from tests.models.helpers import PyBatches
from tests.models.helpers import clip
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import simclr
from tests.models.helpers import weights_of

IMAGES, LABELS = images_and_labels()
FLOATS = IMAGES / np.float32(255)
NAN = FLOATS.copy()
NAN[11, 3, 3] = np.nan
BAD_IMAGES = {
    "nan": (NAN, "number 3 of batch 1|number 11 of the batch|step 1"),
    "floats": (255 * FLOATS, "span"),
    "int32": (4 * IMAGES.astype("int32"), "span"),
    "negative": (IMAGES.astype("int16") - 200, "span"),
}


@pytest.fixture(scope="module")
def model():
    return simclr(num_classes=4)


def assert_finite(model):
    assert all(np.isfinite(weight).all() for weight in weights_of(model))


@pytest.mark.one_case
@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_images_are_errors_in_training(model, kind):
    images, _ = BAD_IMAGES[kind]
    with pytest.raises(ValueError, match="must be"):
        model.train_on_batch(images, LABELS)
    callbacks = keras.callbacks.CallbackList([], add_history=True)
    for given in (None, callbacks):
        with pytest.raises(ValueError, match="must be"):
            model.fit(PyBatches((images, LABELS)), callbacks=given, verbose=0)
    assert not callbacks.callbacks[1:]
    assert_finite(model)


@pytest.mark.one_case
@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_images_are_reported_in_inference(model, kind):
    images, message = BAD_IMAGES[kind]
    entries = [
        lambda: model.evaluate(PyBatches((images, LABELS)), verbose=0),
        lambda: model.test_on_batch(images, LABELS),
        lambda: model.predict(PyBatches(images), verbose=0),
        lambda: model.predict(images, batch_size=8, verbose=0),
        lambda: model.predict_on_batch(images),
        lambda: model(images),
    ]
    for entry in entries:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                entry()
            except ValueError as error:
                # A layer that can see integers, in a direct call or a step
                # of PyTorch, raises.
                assert images.dtype.kind == "i" and "span" in str(error)
                continue
        assert any(re.search(message, str(w.message)) for w in caught)


def test_validation_is_reported_and_training_goes_on(model):
    with pytest.warns(UserWarning, match="1 of 2 batches of the evaluation"):
        model.fit(
            *(IMAGES, LABELS),
            batch_size=8,
            validation_data=(NAN, LABELS),
            verbose=0,
        )


@pytest.mark.filterwarnings("error::UserWarning")
def test_good_images_are_no_matter(model):
    for images in (IMAGES, FLOATS, IMAGES.astype("int64")):
        model.fit(images, LABELS, batch_size=8, verbose=0)
        model.evaluate(images, LABELS, verbose=0)
        model.predict(images, verbose=0)


@pytest.mark.one_case
@pytest.mark.parametrize(
    "labels, message",
    [
        (LABELS + 1, r"integers in \[0, 4\)"),
        (LABELS - 1, r"integers in \[0, 4\)"),
        (np.where(LABELS == 1, np.nan, LABELS), r"integers in \[0, 4\)"),
        (LABELS + 0.5, r"integers in \[0, 4\)"),
        # TensorFlow may have a graph for labels of any rank.
        (np.eye(4)[LABELS], r"np.argmax|integers in \[0, 4\)"),
    ],
)
def test_labels(model, labels, message):
    batches = PyBatches((IMAGES, labels))
    for entry in (
        lambda: model.fit(IMAGES, labels, verbose=0),
        lambda: model.fit(batches, verbose=0),
        lambda: model.fit(IMAGES, LABELS, validation_data=(IMAGES, labels)),
        lambda: model.train_on_batch(IMAGES, labels),
        lambda: model.evaluate(batches, verbose=0),
    ):
        with pytest.raises(ValueError, match=message):
            entry()
    assert_finite(model)


def test_labels_in_a_column_and_not(model):
    # Keras makes a column of arrays' labels, and none of a data set's.
    results = [
        model.evaluate(*data, batch_size=len(IMAGES), verbose=0)[1:]
        for data in (
            (IMAGES, LABELS),
            (IMAGES, LABELS[:, None]),
            (PyBatches((IMAGES, LABELS)),),
        )
    ]
    assert np.isfinite(results).all()


def test_labels_that_are_strings(model):
    with pytest.raises(ValueError, match="np.unique"):
        model.fit(IMAGES, LABELS.astype(str), verbose=0)


@pytest.mark.one_case
@pytest.mark.parametrize("bad_id", [20, -1])
@pytest.mark.parametrize("ours", [True, False])
def test_token_ids(bad_id, ours):
    images, texts = images_and_texts()
    texts[11, 1] = bad_id
    kwargs = {}
    if ours:
        kwargs["text_encoder"] = kc.models.BagOfWords(20, 8)
    model = clip(**kwargs)
    batches = PyBatches({"images": images, "texts": texts})
    for entry in (
        lambda: model.fit({"images": images, "texts": texts}, verbose=0),
        lambda: model.fit(batches, verbose=0),
        lambda: model.evaluate(batches, verbose=0),
        lambda: model.train_on_batch({"images": images, "texts": texts}),
        lambda: model.predict({"texts": texts}, verbose=0),
        lambda: model.encode_text(texts),
    ):
        with pytest.raises(ValueError, match=f"(?s)20.*{bad_id}"):
            entry()
    assert_finite(model)


def test_token_ids_and_ends_in_predict():
    images, texts = images_and_texts()
    encoder = kc.models.TextTransformer(20, END, 6, 8, 1, 2)
    model = clip(text_encoder=encoder)
    model.compile(run_eagerly=False)
    texts[11, 1] = 20
    with pytest.raises(ValueError, match="(?s)20.*(number 3 of batch 1|row 3)"):
        model.predict(PyBatches({"images": images, "texts": texts}), verbose=0)


def sgd(rate):
    return simclr(optimizer=keras.optimizers.SGD(rate))


def test_a_nan_loss_stops():
    with pytest.raises(ValueError, match="loss must be finite.*epoch 1"):
        sgd(1e38).fit(FLOATS, batch_size=4, epochs=2, verbose=0)


def test_weights_lost_in_the_last_step():
    with pytest.raises(ValueError, match="weights must be finite"):
        sgd(float("inf")).fit(FLOATS, batch_size=16, verbose=0)


def test_a_loss_that_others_have_seen_to():
    model = sgd(1e38)
    with pytest.warns(UserWarning, match="loss must be finite"):
        model.fit(
            FLOATS,
            batch_size=4,
            verbose=0,
            callbacks=[keras.callbacks.TerminateOnNaN()],
        )


def test_a_callback_list_stays_as_it_is(model):
    health = kc.callbacks.TrainingHealth(every_step=True)
    history = keras.callbacks.History()
    callbacks = keras.callbacks.CallbackList([history, health], model=model)
    with pytest.raises(ValueError, match="of step 2 of epoch 1"):
        model.fit(PyBatches((NAN, LABELS)), callbacks=callbacks, verbose=0)
    assert callbacks.callbacks == [history, health]


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="elsewhere a step is traced once"
)
def test_threads_that_predict_leave_direct_calls_checked(model, monkeypatch):
    """The thread that enters its step first also leaves it first."""
    step = keras.Model.predict_step
    both, first_is_done = threading.Barrier(2), threading.Event()
    entered = []

    def meeting_step(self, *args):
        entered.append(1)
        is_second = len(entered) == 2
        both.wait(timeout=60)
        if is_second:
            first_is_done.wait(timeout=60)
        return step(self, *args)

    def predict():
        model.predict_on_batch(FLOATS[:2])
        first_is_done.set()

    monkeypatch.setattr(HookedModel, "predict_step", meeting_step)
    threads = [threading.Thread(target=predict) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entered) == 2
    with pytest.warns(UserWarning, match="inputs must be finite"):
        model(NAN)
