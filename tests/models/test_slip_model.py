"""What `SLIPModel` adds to CLIP: the views of images and their loss."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.encoders.marks import slow_on_jax
from tests.models.helpers import SIZE
from tests.models.helpers import check_that_a_stopped_run_goes_on
from tests.models.helpers import encoder
from tests.models.helpers import images_and_texts
from tests.models.helpers import text_encoder
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of

LOGS = {
    "loss",
    "image_loss",
    "image_to_text_recall@1",
    "text_to_image_recall@1",
    "logit_scale",
}


def batch(n=16):
    images, texts = images_and_texts(n)
    return {"images": images.astype("float32") / 255, "texts": texts}


def crops(seed, smallest=0.5):
    return kc.layers.RandomResizedCrop(
        SIZE, SIZE, scale=(smallest, 1.0), seed=seed
    )


def slip(batch_norm=True, compile=None, **kwargs):
    keras.utils.set_random_seed(1)
    kwargs.setdefault("image_encoder", encoder(batch_norm))
    kwargs.setdefault("augmenter", crops(1))
    kwargs.setdefault("view_augmenter", crops(2))
    projector = kc.layers.ProjectionHead(8, 4, use_batch_norm=batch_norm)
    model = kc.SLIPModel(
        text_encoder=text_encoder(),
        projection_dim=4,
        projector=projector,
        **kwargs,
    )
    model.compile(keras.optimizers.SGD(0.1), **(compile or {}))
    return model


def test_trains_evaluates_predicts_and_is_saved(tmp_path):
    model, x = slip(), batch()
    history = model.fit(x, batch_size=8, validation_data=x, verbose=0).history
    assert set(history) == LOGS | {f"val_{name}" for name in LOGS}
    assert np.isfinite([*history.values()]).all()
    embeddings = model.predict(x, verbose=0)
    assert set(embeddings) == {"image_embeddings", "text_embeddings"}
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for old, new in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(
            to_numpy(old), to_numpy(new), err_msg=old.path
        )
    restored = again.predict(x, verbose=0)
    for name, value in embeddings.items():
        np.testing.assert_allclose(restored[name], value, atol=1e-6)
    assert again.image_loss_weight == model.image_loss_weight
    assert again.image_loss.temperature == model.image_loss.temperature


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_loss_is_that_of_clip_plus_that_of_views(weight):
    # Whole crops: both views are the image itself.
    whole = kc.layers.RandomResizedCrop(SIZE, SIZE, (1, 1), (1, 1))
    model = slip(
        augmenter=whole,
        view_augmenter=whole,
        image_loss=kc.losses.NTXentLoss(0.2),
        image_loss_weight=weight,
    )
    x = batch(8)
    logs = model.evaluate(x, batch_size=8, return_dict=True, verbose=0)
    embeddings = {k: to_numpy(v) for k, v in model(x).items()}
    of_pairs = oracles.clip_rows(
        embeddings["image_embeddings"],
        embeddings["text_embeddings"],
        to_numpy(model.logit_scale.scale),
    )
    z = to_numpy(model.projector(model.image_encoder(x["images"])))
    of_views = oracles.nt_xent(z, z, 0.2)
    assert logs["loss"] == pytest.approx(np.mean(of_pairs), rel=1e-4)
    assert logs["image_loss"] == pytest.approx(
        weight * np.mean(of_views), rel=1e-4
    )


def test_the_loss_of_views_trains_the_image_encoder_only():
    weights = []
    for weight in (1.0, 2.0):
        model = slip(image_loss_weight=weight)
        model.fit(batch(), batch_size=16, verbose=0)
        weights.append(
            [weights_of(m) for m in (model.image_encoder, model.text_encoder)]
        )
    (images, texts), (other_images, other_texts) = weights
    assert not np.allclose(images[0], other_images[0], atol=1e-6)
    for old, new in zip(texts, other_texts, strict=True):
        np.testing.assert_array_equal(old, new)


def test_microbatches_equal_the_whole():
    results = []
    for size in (None, 2):
        # Batch statistics would be those of a microbatch.
        model = slip(batch_norm=False, compile={"microbatch_size": size})
        history = model.fit(
            batch(), batch_size=8, epochs=2, shuffle=False, verbose=0
        ).history
        losses = history["loss"], history["image_loss"]
        results.append((*losses, *weights_of(model)))
    for whole, parts in zip(*results, strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
def test_a_stopped_run_goes_on(tmp_path):
    check_that_a_stopped_run_goes_on(slip, batch(), None, tmp_path)


@pytest.mark.one_backend
def test_defaults_are_those_of_the_paper():
    model = kc.SLIPModel(encoder(), text_encoder())
    assert model.image_loss.temperature == 0.1
    assert model.image_loss_weight == 1
    config = model.projector.get_config()
    assert config["hidden_dim"] == 4096
    assert config["output_dim"] == 256
    assert config["num_layers"] == 3


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"view_augmenter": kc.layers.MultiView(crops(2), num_views=3)},
            "must make 2 views.*num_views=3",
        ),
        (
            {
                "view_augmenter": kc.layers.RandomResizedCrop(
                    SIZE, SIZE, value_range=(0, 255)
                )
            },
            "must have the `value_range` of `augmenter`",
        ),
        ({"image_loss_weight": 0.0}, "`image_loss_weight` must be"),
        ({"image_loss": "vicreg"}, "`image_loss` must be"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        slip(**arguments)


@pytest.mark.one_backend
def test_a_locked_image_encoder_is_refused():
    locked = encoder()
    locked.trainable = False
    with pytest.raises(ValueError, match="must be trainable"):
        slip(image_encoder=locked)


@slow_on_jax
def test_lejepa_draws_other_directions_in_every_step():
    steps = []

    class Recorded(kc.losses.LeJEPALoss):
        def call(self, *views, step=0):
            steps.append(step)
            return super().call(*views, step=step)

    model = slip(image_loss=Recorded(), compile={"run_eagerly": True})
    model.train_on_batch(batch(8))
    assert all(step is model.optimizer.iterations for step in steps) and steps
