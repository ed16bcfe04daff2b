import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import images_and_texts
from tests.models.helpers import to_numpy

IMAGES, TEXTS = images_and_texts(8)


def clip(width=4, size=IMAGES.shape[1], **kwargs):
    model = kc.CLIPModel(
        kc.models.ConvNet(width, 2, (size, size, 3)),
        kc.models.BagOfWords(30, width=4 * width),
        **{"projection_dim": 5, **kwargs},
    )
    model.build_from_encoders()
    return model


def similarities(model):
    images, texts = model.encode_image(IMAGES), model.encode_text(TEXTS)
    return to_numpy(images) @ to_numpy(texts).T


@pytest.mark.one_backend
def test_has_the_mean_similarity(tmp_path):
    # Two of one architecture, one without projections, another kind of model.
    flat = [keras.Input(IMAGES.shape[1:]), keras.layers.Flatten()]
    models = [
        clip(),
        clip(),
        clip(width=6, projection_dim=None),
        kc.CLIPModel(keras.Sequential(flat), clip().text_encoder),
    ]
    models[-1].build_from_encoders()
    both = kc.models.clip_ensemble(models)
    expected = np.mean([similarities(model) for model in models], axis=0)
    np.testing.assert_allclose(similarities(both), expected, atol=1e-5)
    found = both.predict({"images": IMAGES, "texts": TEXTS}, verbose=0)
    np.testing.assert_allclose(
        found["image_embeddings"] @ found["text_embeddings"].T,
        expected,
        atol=1e-5,
    )
    both.save(tmp_path / "both.keras")
    restored = keras.models.load_model(tmp_path / "both.keras")
    np.testing.assert_allclose(similarities(restored), expected, atol=1e-5)


def test_weights_are_those_of_the_similarities():
    models = [clip(), clip(projection_dim=3)]
    both = kc.models.clip_ensemble(models, weights=(3, 1))
    first, second = map(similarities, models)
    np.testing.assert_allclose(
        similarities(both), 0.75 * first + 0.25 * second, atol=1e-5
    )


@pytest.mark.one_backend
def test_trains_and_has_the_mean_scale():
    models = [
        clip(logit_scale=kc.layers.LogitScale(t, initial_bias=b))
        for t, b in ((0.1, -4), (0.05, -8))
    ]
    both = kc.models.clip_ensemble(models)
    assert float(both.logit_scale.scale) == pytest.approx(15)
    assert float(both.logit_scale.bias) == pytest.approx(-6)
    before = to_numpy(models[1].text_encoder.weights[0])
    both.compile(keras.optimizers.SGD(0.1), loss="siglip")
    both.fit(IMAGES, TEXTS, batch_size=4, verbose=0)
    # They share their weights.
    assert np.abs(to_numpy(models[1].text_encoder.weights[0]) - before).max()


@pytest.mark.one_backend
def test_the_widest_bound_of_the_scale():
    models = [clip(), clip()]
    for model in models:
        # float32's exp(log(100)) is above 100.
        model.logit_scale.log_scale.assign(np.log(100))
    both = kc.models.clip_ensemble(models)
    assert float(both.logit_scale.scale) == pytest.approx(100)
    assert both.logit_scale.max_scale == 100
    unbounded = kc.layers.LogitScale(1e-3, max_scale=None)
    both = kc.models.clip_ensemble([clip(), clip(logit_scale=unbounded)])
    assert both.logit_scale.max_scale is None


def test_rows_of_zeros_train():
    models = [clip(projection_dim=None), clip()]
    for model in models:
        model.text_encoder.set_weights(
            [0 * weight for weight in model.text_encoder.get_weights()]
        )
    both = kc.models.clip_ensemble(models)
    both.compile(keras.optimizers.SGD(0.1))
    history = both.fit(IMAGES, TEXTS, batch_size=4, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.one_backend
def test_a_locked_tower_stays_locked(tmp_path):
    locked = kc.CLIPModel(
        keras.Sequential(
            [
                keras.Input(IMAGES.shape[1:]),
                keras.layers.Flatten(),
                keras.layers.Dropout(0.5),
            ]
        ),
        clip().text_encoder,
        projection_dim=5,
        augmenter=keras.layers.Rescaling(1 / 255),
    )
    locked.image_encoder.trainable = False
    locked.build_from_encoders()
    both = kc.models.clip_ensemble([locked, clip(projection_dim=4)])
    inputs = IMAGES.astype("float32") / 255
    found = [
        to_numpy(both.image_encoder(inputs, training=training))[:, :5]
        for training in (False, True)
    ]
    np.testing.assert_allclose(*found, atol=1e-6)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: [clip()], "two or more.*CLIPModel"),
        (lambda: [clip(), keras.Sequential()], "two or more.*Sequential"),
        (
            lambda: [
                clip(),
                kc.CLIPModel(
                    keras.layers.Flatten(),
                    clip().text_encoder,
                    augmenter=keras.layers.Identity(),
                ),
            ],
            r"must be built.*\[1\]",
        ),
        (lambda: [clip(), clip(size=8)], "image encoders that take the same"),
    ],
)
def test_refuses_models(make, message):
    with pytest.raises(ValueError, match=message):
        kc.models.clip_ensemble(make())


@pytest.mark.one_backend
@pytest.mark.parametrize("weights", [(1,), (1, 0), (1, "a")])
def test_refuses_weights(weights):
    with pytest.raises(ValueError, match="`weights` must be"):
        kc.models.clip_ensemble([clip(), clip()], weights)
