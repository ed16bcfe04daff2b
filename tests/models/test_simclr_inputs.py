"""SimCLRModel on what is no image: tokens, signals, volumes, dicts, rows."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_contrastive as kc
from tests.models.helpers import to_numpy

TOKENS = np.random.default_rng(0).integers(3, 20, (16, 6))
VOLUMES = np.random.default_rng(2).normal(size=(16, 6, 5, 4, 2))
SIGNALS = np.random.default_rng(1).normal(size=(16, 40, 2)).astype("float32")


def text_model(**kwargs):
    encoder = kc.models.BagOfWords(20, width=8, dropout=0.3)
    return kc.SimCLRModel(encoder, augmenter=layers.Identity(), **kwargs)


def signal_model(**kwargs):
    encoder = keras.Sequential(
        [
            keras.Input((32, 2)),
            layers.Conv1D(8, 5, strides=2, activation="relu"),
            layers.GlobalAveragePooling1D(),
        ]
    )
    augmenter = layers.Pipeline(
        [kc.layers.RandomSignalCrop(32), kc.layers.RandomSignalJitter(0.1)]
    )
    return kc.SimCLRModel(encoder, augmenter=augmenter, **kwargs)


def volume_model():
    augmenter = layers.Pipeline(
        [
            kc.layers.RandomVolumeCrop(4, 4, 4),
            kc.layers.RandomVolumeFlip(),
            kc.layers.RandomVolumeIntensity(),
            kc.layers.RandomVolumeNoise(),
        ]
    )
    encoder = kc.models.ConvNet3D(4, 1, input_shape=(4, 4, 4, 2))
    return kc.SimCLRModel(encoder, augmenter=augmenter)


def dict_model():
    """An encoder of two inputs, as those of keras-hub's texts are."""
    inputs = {
        "token_ids": keras.Input((None,), dtype="int32", name="token_ids"),
        "padding_mask": keras.Input((None,), dtype="bool", name="padding_mask"),
    }
    x = layers.Embedding(20, 8)(inputs["token_ids"])
    mask = keras.ops.cast(inputs["padding_mask"], "float32")[..., None]
    x = kc.layers.Dropout(0.3)(keras.ops.sum(x * mask, axis=1))
    encoder = keras.Model(inputs, x)
    return kc.SimCLRModel(encoder, augmenter=layers.Identity())


TOKENS_AND_MASK = {"token_ids": TOKENS, "padding_mask": TOKENS > 5}
CASES = {
    "tokens": (text_model, TOKENS),
    "signals": (signal_model, SIGNALS),
    "volumes": (volume_model, VOLUMES),
    "dict": (dict_model, TOKENS_AND_MASK),
}
every_kind = pytest.mark.parametrize("kind", CASES)


@pytest.mark.one_case
@every_kind
def test_trains_predicts_and_is_saved(kind, tmp_path):
    make, x = CASES[kind]
    model = make()
    model.compile()
    history = model.fit(x, batch_size=8, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    expected = model.predict(x, verbose=0)
    assert expected.shape == (16, 8)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        restored.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.one_case
@every_kind
def test_views_differ(kind):
    make, x = CASES[kind]
    model = make()
    model.compile()
    first, second = model.embed(model.make_views(x, True), True)["pair"]
    assert not np.allclose(to_numpy(first), to_numpy(second))


def test_microbatches_of_signals_change_nothing():
    losses = []
    for microbatch_size in (None, 4):
        keras.utils.set_random_seed(0)
        head = kc.layers.ProjectionHead(8, 4, use_batch_norm=False)
        model = signal_model(projector=head)
        model.compile("sgd", microbatch_size=microbatch_size)
        losses.append(model.train_on_batch(SIGNALS))
    np.testing.assert_allclose(*np.array(losses)[:, 0], rtol=1e-5)


@pytest.mark.one_case
@every_kind
def test_representation_is_scored_in_fit(kind):
    make, x = CASES[kind]
    labels = np.arange(16) % 2
    model = make()
    model.compile()
    knn = kc.callbacks.KNNEvaluation((x, labels), (x, labels), k=3)
    logs = model.fit(x, batch_size=8, callbacks=[knn], verbose=0).history
    assert 0 <= logs["knn_accuracy"][0] <= 1
    features, none = kc.evaluation.extract_features(model, x, verbose=0)
    assert features.shape == (16, 8) and none is None


@pytest.mark.one_backend
def test_probe_on_signals():
    model = signal_model(num_classes=2)
    model.compile()
    labels = np.arange(16) % 2
    logs = model.fit(SIGNALS, labels, batch_size=8, verbose=0).history
    assert np.isfinite(logs["probe_loss"]).all()


@pytest.mark.one_backend
def test_views_made_elsewhere():
    model = text_model()
    model.compile()
    logs = model.evaluate((TOKENS, TOKENS), verbose=0, return_dict=True)
    assert logs["contrastive_accuracy"] == 1


@pytest.mark.one_backend
def test_gray_images_by_an_augmenter_that_takes_them():
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten()]
    )
    augmenter = layers.RandomTranslation(0.2, 0.2, fill_mode="nearest")
    model = kc.SimCLRModel(encoder, augmenter=augmenter)
    model.compile()
    images = np.random.default_rng(0).random((8, 8, 8, 1))
    model.fit(images, batch_size=4, verbose=0)
    assert model.predict(images, verbose=0).shape == (8, 144)


def test_an_encoder_that_does_not_know_its_shapes():
    encoder = keras.Sequential([layers.Dense(4)])
    model = kc.SimCLRModel(
        encoder,
        projector=kc.layers.ProjectionHead(4, 4),
        augmenter=layers.GaussianNoise(0.1),
    )
    model.compile()
    rows = np.random.default_rng(0).normal(size=(8, 5))
    model.fit(rows, batch_size=4, verbose=0)
    assert model.predict(rows, verbose=0).shape == (8, 4)


def test_nan_in_signals_is_named():
    signals = SIGNALS.copy()
    signals[11, 3, 1] = np.nan
    model = signal_model()
    model.compile()
    with pytest.raises(ValueError, match="inputs of step 2.*number 3 of"):
        model.fit(
            signals,
            batch_size=8,
            shuffle=False,
            verbose=0,
            callbacks=[kc.callbacks.TrainingHealth(every_step=True)],
        )
    for weight in model.weights:
        assert np.isfinite(to_numpy(weight)).all()


def test_needs_an_augmenter_for_what_is_no_image():
    encoder = kc.models.BagOfWords(20, width=8)
    with pytest.raises(ValueError, match="makes views of other data"):
        kc.SimCLRModel(encoder)
