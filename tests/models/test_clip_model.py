import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.keras_internals import is_decayed
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.encoders.marks import slow_on_jax
from tests.models.helpers import END
from tests.models.helpers import KINDS_OF_DATA
from tests.models.helpers import SIZE
from tests.models.helpers import TOKENS
from tests.models.helpers import clip
from tests.models.helpers import encoder
from tests.models.helpers import images_and_texts
from tests.models.helpers import text_encoder
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of

LOGS = {
    "loss",
    "image_to_text_recall@1",
    "text_to_image_recall@1",
    "logit_scale",
}


def batch(n=16):
    images, texts = images_and_texts(n)
    return {"images": images, "texts": texts}


def in_form(form):
    images, texts = images_and_texts()
    return {
        "dict": {"images": images, "texts": texts},
        "ids": {
            "images": images,
            "texts": texts,
            "image_ids": np.arange(16, dtype="int32") // 2,
        },
        "pair": (images, texts),
    }[form]


@pytest.mark.parametrize(
    "kind, form", zip(KINDS_OF_DATA, ["dict", "ids", "pair"], strict=True)
)
def test_fit_takes_every_kind_of_data(kind, form):
    data = in_form(form)
    model = clip(compile={"run_eagerly": False})
    history = model.fit(kind(data), epochs=2, verbose=0).history
    assert set(history) == LOGS
    assert np.isfinite(history["loss"]).all()
    embeddings = model.predict(kind(data), verbose=0)
    assert set(embeddings) == {"image_embeddings", "text_embeddings"}


def test_fit_takes_arrays_and_validates():
    images, texts = images_and_texts()
    model = clip()
    data = {"images": images, "texts": texts}
    fit = {"batch_size": 8, "verbose": 0}
    history = model.fit(images, texts, validation_data=data, **fit).history
    assert set(history) == LOGS | {f"val_{name}" for name in LOGS}
    evaluated = model.evaluate(images, texts, return_dict=True, **fit)
    for name, value in evaluated.items():
        assert history[f"val_{name}"] == pytest.approx([value], rel=1e-4)


def test_summary_before_fit_shows_the_towers():
    model = clip()
    model.compile()
    lines = []
    model.summary(print_fn=lines.append)
    assert "\n".join(lines).count(f"(None, {model.projection_dim})") == 2


def test_embeddings_are_the_projected_encodings():
    images, texts = images_and_texts()
    model = clip()
    pixels = images.astype("float32") / 255
    expected = {
        "image_embeddings": oracles.normalize(
            to_numpy(model.image_encoder(pixels))
            @ to_numpy(model.image_tower.projection.kernel)
        ),
        "text_embeddings": oracles.normalize(
            to_numpy(model.text_encoder(texts))
            @ to_numpy(model.text_tower.projection.kernel)
        ),
    }
    close = {"rtol": 1e-4, "atol": 1e-5}
    encoded = {
        "image_embeddings": model.encode_image(images),
        "text_embeddings": model.encode_text(texts),
    }
    data = {"images": images, "texts": texts}
    for embeddings in (
        encoded,
        model(data),
        model((images, texts)),
        model.predict(data, batch_size=8, verbose=0),
        model.predict((images, texts), batch_size=8, verbose=0),
        model.predict({"images": images}, verbose=0)
        | model.predict({"texts": texts}, verbose=0),
        model.predict(images, verbose=0) | model(data),
    ):
        assert set(embeddings) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(
                to_numpy(embeddings[name]), value, **close
            )


@pytest.mark.one_case
@pytest.mark.parametrize("loss", ["clip", "siglip"])
def test_a_step_is_gradient_descent_on_the_loss(rng, loss):
    """Against the gradient of the formula, written without the model."""
    x = rng.uniform(size=(6, 4)).astype("float32")
    images = np.broadcast_to(x[:, :, None, None], (6, 4, 4, 3))
    texts = rng.integers(0, 9, size=(6, 1)).astype("int32")
    ids = np.array([0, 1, 0, 2, 3, 4], "int32")
    image_tower = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Lambda(lambda x: x[:, :, 0, 0]),
            keras.layers.Dense(5, use_bias=False),
        ]
    )
    text_tower = keras.Sequential(
        [
            keras.Input((1,), dtype="int32"),
            keras.layers.Embedding(9, 5),
            keras.layers.Flatten(),
        ]
    )
    model = kc.CLIPModel(
        image_tower, text_tower, 3, augmenter=keras.layers.Identity()
    )
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
    before = {v.path: to_numpy(v) for v in model.trainable_variables}
    assert len(before) == (5 if loss == "clip" else 6)
    objective = kc.losses.CLIPLoss() if loss == "clip" else None
    objective = objective or kc.losses.SigLIPLoss()

    def reference(*values):
        w = dict(zip(before, values, strict=True))
        (dense,) = [v for k, v in w.items() if "dense" in k]
        (embedding,) = [v for k, v in w.items() if "embedding" in k]
        (image_projection,) = [
            v for k, v in w.items() if "image/projection" in k
        ]
        (text_projection,) = [v for k, v in w.items() if "text/pro" in k]
        scalars = [v for k, v in w.items() if "logit_scale" in k]
        matmul = keras.ops.matmul
        return objective(
            matmul(matmul(x, dense), image_projection),
            matmul(keras.ops.take(embedding, texts[:, 0], 0), text_projection),
            keras.ops.exp(scalars[0]),
            *scalars[1:],
            image_ids=ids,
        )

    value, gradients = value_and_gradients(reference, *before.values())
    logs = model.train_on_batch(
        {"images": images, "texts": texts, "image_ids": ids}, return_dict=True
    )
    assert logs["loss"] == pytest.approx(float(value), rel=1e-5)
    for w, g, after in zip(
        before.values(), gradients, weights_of(model), strict=True
    ):
        assert np.abs(g).max() > 0
        np.testing.assert_allclose(after, w - 0.1 * g, rtol=1e-4, atol=1e-6)


def test_gradients_reach_all_but_the_locked_tower():
    data = batch()
    image_encoder = encoder(dropout=0.5)
    image_encoder.trainable = False
    model = clip(image_encoder, keras.optimizers.SGD(1.0))
    frozen = [to_numpy(v) for v in image_encoder.variables]
    others = [
        v
        for v in model.trainable_variables
        if not any(v is w for w in image_encoder.variables)
    ]
    before = [to_numpy(v) for v in others]
    model.fit(data, batch_size=8, epochs=2, verbose=0)
    # Neither weights nor batch statistics, nor a draw for the dropout.
    for old, variable in zip(frozen, image_encoder.variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))
    for old, variable in zip(before, others, strict=True):
        assert np.abs(old - to_numpy(variable)).max() > 0, variable.path


def test_a_locked_tower_runs_in_inference_mode():
    data = batch()
    image_encoder = encoder(dropout=0.5)
    image_encoder.trainable = False
    model = clip(image_encoder, augmenter=keras.layers.Rescaling(1 / 255))
    views = model.make_views(data, training=True)
    embedded = model.embed(views, training=True)["pair"][0]
    np.testing.assert_allclose(
        to_numpy(embedded),
        to_numpy(model.encode_image(data["images"])),
        rtol=1e-4,
        atol=1e-5,
    )


# The scale.


def test_scale_starts_where_the_loss_says():
    assert float(clip().logit_scale.scale) == pytest.approx(1 / 0.07, rel=1e-5)
    siglip = clip(compile={"loss": "siglip"})
    assert float(siglip.logit_scale.scale) == pytest.approx(10, rel=1e-5)
    assert float(siglip.logit_scale.bias) == -10
    loss = kc.losses.SigLIPLoss(0.5, bias=-3.0)
    own = clip(compile={"loss": loss})
    assert float(own.logit_scale.scale) == pytest.approx(2, rel=1e-5)
    assert float(own.logit_scale.bias) == -3
    given = kc.layers.LogitScale(0.2)
    model = clip(logit_scale=given, compile={"loss": "siglip"})
    assert model.logit_scale is given


def test_scale_is_learned_clamped_and_logged():
    data = batch()
    model = clip(
        optimizer=keras.optimizers.SGD(0.0),
        logit_scale=kc.layers.LogitScale(1 / 20, max_scale=21.0),
    )
    assert model.fit(data, verbose=0).history["logit_scale"] == pytest.approx(
        [20.0], rel=1e-5
    )
    # Random pairs: the gradient asks for a smaller scale, a negative rate
    # for a larger one. Out of bounds in one step.
    model = clip(
        optimizer=keras.optimizers.SGD(-1e3),
        logit_scale=kc.layers.LogitScale(1 / 20, max_scale=21.0),
    )
    history = model.fit(data, verbose=0).history
    assert history["logit_scale"] == pytest.approx([21.0], rel=1e-5)
    assert float(model.logit_scale.scale) == pytest.approx(21.0, rel=1e-5)


def test_scale_of_siglip_has_no_bound():
    data = batch()
    model = clip(
        optimizer=keras.optimizers.SGD(-1e3), compile={"loss": "siglip"}
    )
    model.logit_scale.log_scale.assign(np.log(117.3))
    model.fit(data, verbose=0)
    assert float(model.logit_scale.scale) > 117.4


def test_scale_is_never_decayed():
    data = batch()
    optimizer = keras.optimizers.SGD(0.1, weight_decay=5.0)
    # All equal: no gradient at the scale.
    model = clip(optimizer=optimizer)
    for tower in (model.image_tower, model.text_tower):
        tower.projection.kernel.assign(np.zeros((8, 4)))
    before = float(model.logit_scale.log_scale)
    model.fit(data, verbose=0)
    assert float(model.logit_scale.log_scale) == pytest.approx(before)
    assert np.abs(to_numpy(model.image_encoder.get_layer("dense").kernel)).max()


def test_other_losses_do_without_a_scale():
    data = batch()
    model = clip(compile={"loss": kc.losses.NTXentLoss(), "metrics": []})
    assert set(model.fit(data, verbose=0).history) == {"loss"}


@pytest.mark.one_case
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    data = batch()
    keras.config.set_dtype_policy(policy)
    model = clip(optimizer=keras.optimizers.SGD(0.01))
    history = model.fit(data, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    embeddings = model.predict(data, verbose=0)
    for array in embeddings.values():
        assert array.dtype == "float32"
        np.testing.assert_allclose(np.linalg.norm(array, axis=1), 1, rtol=1e-5)
    assert model.logit_scale.log_scale.dtype == "float32"


# Weight decay.


def test_exclusions_are_those_of_the_paper(tmp_path):
    vision = kc.models.VisionTransformer(
        patch_size=8,
        width=8,
        num_layers=1,
        num_heads=2,
        input_shape=(SIZE, SIZE, 3),
    )
    text = kc.models.TextTransformer(
        20, END, TOKENS, width=8, num_layers=1, num_heads=2
    )
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.2)
    model = clip(vision, optimizer, text_encoder=text)
    kc.optimizers.exclude_from_weight_decay(model)

    def decayed(model):
        return [
            v.path
            for v in model.trainable_variables
            if is_decayed(model.optimizer, v)
        ]

    kernels = decayed(model)
    assert not any("position" in p or "class" in p for p in kernels)
    assert all(p.endswith(("kernel", "embeddings")) for p in kernels), kernels
    # Per tower 4 kernels of the block and a projection, patches and tokens.
    assert len(kernels) == 2 * 5 + 2
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert decayed(restored) == kernels


# Files.


@pytest.mark.one_case
@pytest.mark.parametrize("loss", ["clip", "siglip"])
def test_file_round_trip_continues_as_if_never_stopped(tmp_path, loss):
    data = batch()
    model = clip(compile={"loss": loss})
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(data, **fit)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    for name, array in model.predict(data, verbose=0).items():
        np.testing.assert_array_equal(
            array, restored.predict(data, verbose=0)[name]
        )
    expected = model.fit(data, epochs=2, **fit).history
    assert restored.fit(data, epochs=2, **fit).history == expected


@keras.saving.register_keras_serializable("tests")
class Unbuilt(keras.layers.Layer):
    """An encoder that learns its input's shape from the first batch."""

    def build(self, input_shape):
        self.dense = keras.layers.Dense(8)
        self.flatten = keras.layers.Flatten()

    def call(self, x):
        return self.dense(self.flatten(keras.ops.cast(x, "float32")))


def test_encoders_may_be_built_by_the_data(tmp_path):
    data = batch()
    model = clip(Unbuilt(), text_encoder=Unbuilt())
    model.fit(data, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(data, verbose=0)["text_embeddings"],
        restored.predict(data, verbose=0)["text_embeddings"],
    )
    with pytest.raises(ValueError, match="only be built on a batch with"):
        clip(Unbuilt(), text_encoder=Unbuilt())(data["images"])


@keras.saving.register_keras_serializable("tests")
class UnbuiltOfVectors(keras.layers.Layer):
    """Of sequences of vectors, whose length it must know."""

    def build(self, input_shape):
        self.positions = self.add_weight(shape=input_shape[1:])
        self.dense = keras.layers.Dense(8)
        self.dense.build((None, input_shape[-1]))

    def call(self, x):
        return self.dense(keras.ops.sum(x * self.positions, axis=1))


def test_vectors_may_build_the_text_encoder(tmp_path):
    images = batch()["images"]
    vectors = np.random.default_rng(0).normal(size=(16, 5, 3))
    data = {"images": images, "texts": vectors.astype("float32")}
    model = clip(text_encoder=UnbuiltOfVectors())
    model.fit(data, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(data, verbose=0)["text_embeddings"],
        restored.predict(data, verbose=0)["text_embeddings"],
    )


# Errors.


def test_says_what_is_wrong_with_the_arguments():
    with pytest.raises(ValueError, match="`projection_dim` must be a positive"):
        kc.CLIPModel(encoder(), text_encoder(), 0)
    flat = keras.Sequential(
        [keras.Input((TOKENS,), dtype="int32"), keras.layers.Embedding(20, 8)]
    )
    with pytest.raises(ValueError, match="`text_encoder` must give one vector"):
        kc.CLIPModel(encoder(), flat)
    anysize = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.GlobalMaxPooling2D()]
    )
    with pytest.raises(ValueError, match="`augmenter` can only be left out"):
        kc.CLIPModel(anysize, text_encoder())
    with pytest.raises(ValueError, match="`loss` must be 'clip', 'siglip' or"):
        clip(compile={"loss": "softmax"})


def test_compiled_again_with_another_loss():
    """The scale is there before `compile`, and is kept once it is trained."""
    images, texts = images_and_texts()
    data = {"x": images, "y": texts, "verbose": 0}
    model = kc.CLIPModel(encoder(), text_encoder(), 8)
    assert float(model.logit_scale.scale) == pytest.approx(1 / 0.07)
    model.compile(loss="siglip")
    assert float(model.logit_scale.scale) == pytest.approx(10)
    assert float(model.logit_scale.bias) == pytest.approx(-10)
    model.compile(loss="clip")
    assert float(model.logit_scale.scale) == pytest.approx(1 / 0.07)
    assert set(model.fit(**data).history) >= {"logit_scale"}
    trained = float(model.logit_scale.scale)
    assert trained != pytest.approx(1 / 0.07, rel=1e-5)
    for loss in ("clip", "siglip"):
        model.compile(loss=loss)
        assert float(model.logit_scale.scale) == pytest.approx(trained)
    before = float(model.logit_scale.bias)
    assert "logit_bias" in model.fit(**data).history
    assert float(model.logit_scale.bias) != before
    variables = [v.path for v in model.trainable_variables]
    assert len(variables) == len(set(variables))
    assert sum("logit_scale" in path for path in variables) == 2


def test_a_scale_of_the_users_stays():
    scale = kc.layers.LogitScale(0.2)
    model = kc.CLIPModel(encoder(), text_encoder(), 8, logit_scale=scale)
    for loss in ("clip", "siglip"):
        model.compile(loss=loss)
        assert model.logit_scale is scale


@pytest.mark.parametrize(
    "make_data, message",
    [
        (lambda x, t: (x,), r"Received: \['images'\] only"),
        (lambda x, t: ({"image": x, "texts": t},), r"\['image', 'texts'\]"),
        (lambda x, t: ({"images": x, "texts": t}, t), "come without targets"),
        (lambda x, t: (x[..., :2], t), "must be RGB"),
    ],
    ids=["no texts", "wrong key", "targets", "two channels"],
)
def test_says_what_is_wrong_with_the_data(make_data, message):
    with pytest.raises(ValueError, match=message):
        clip().fit(*make_data(*images_and_texts()), verbose=0)


def test_stops_on_texts_without_an_end(tmp_path):
    images, texts = images_and_texts()
    text = kc.models.TextTransformer(
        20, END, TOKENS, width=8, num_layers=1, num_heads=2
    )
    model = clip(text_encoder=text)
    texts[3] = 5
    with pytest.raises(ValueError, match="1 of 16 texts without"):
        model.fit(images, texts, batch_size=16, verbose=0)


# What it is for.


@pytest.mark.one_backend
def test_finds_the_captions_of_new_pictures():
    """Recall at 10 of 512 pictures it never saw, far above chance."""
    train = kc.datasets.shapes(1024, image_size=32, seed=0)
    images, captions = train.images, train.captions
    words = sorted({w for caption in captions for w in caption.split()})
    index = {word: i + 1 for i, word in enumerate(words)}

    def tokenize(texts):
        ids = np.zeros((len(texts), 16), "int32")
        for row, text in zip(ids, texts, strict=True):
            known = [index[w] for w in text.split()][:16]
            row[: len(known)] = known
        return ids

    tokens = keras.Input((16,), dtype="int32")
    x = keras.layers.Embedding(len(index) + 1, 32)(tokens)
    text_tower = keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(x))
    conv = {"kernel_size": 3, "strides": 2, "padding": "same"}
    image_tower = keras.Sequential([keras.Input((32, 32, 3))])
    for filters in (16, 32, 64):
        image_tower.add(keras.layers.Conv2D(filters, **conv))
        image_tower.add(keras.layers.BatchNormalization(momentum=0.9))
        image_tower.add(keras.layers.ReLU())
    image_tower.add(keras.layers.GlobalMaxPooling2D())
    model = kc.CLIPModel(image_tower, text_tower, 32)
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(images, tokenize(captions), batch_size=128, epochs=12, verbose=0)

    test = kc.datasets.shapes(512, image_size=32, seed=1)
    similarities = (
        model.predict(test.images, verbose=0)["image_embeddings"]
        @ model.predict({"texts": tokenize(test.captions)}, verbose=0)[
            "text_embeddings"
        ].T
    )
    ranks = (similarities >= np.diag(similarities)[:, None]).sum(axis=1)
    # Chance is 10 / 512.
    assert (ranks <= 10).mean() > 0.15


@pytest.mark.parametrize("microbatch_size", [None, 4])
def test_several_captions_are_pairs_of_one_image(microbatch_size):
    images, texts = images_and_texts(24)
    images, ids = images[:8], np.arange(8, dtype="int32")
    batches = {
        1: {"images": images, "texts": texts.reshape(8, 3, -1)},
        3: {
            "images": np.repeat(images, 3, axis=0),
            "texts": texts,
            "image_ids": np.repeat(ids, 3),
        },
    }
    results = []
    for repeats, batch in batches.items():
        keras.utils.set_random_seed(0)
        size = microbatch_size and microbatch_size * repeats
        # Without batch statistics, which depend on who is in a microbatch.
        model = clip(
            keras.Sequential(
                [
                    keras.Input((SIZE, SIZE, 3)),
                    keras.layers.Flatten(),
                    keras.layers.Dense(4),
                ]
            ),
            optimizer=keras.optimizers.SGD(1.0),
            augmenter=keras.layers.Identity(),
            compile={"microbatch_size": size},
        )
        logs = model.train_on_batch(batch, return_dict=True)
        assert set(logs) == LOGS
        results.append((logs["loss"], weights_of(model)))
    (loss, after), (expected, expected_after) = results
    assert loss == pytest.approx(expected, rel=1e-5)
    for first, second in zip(after, expected_after, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)


def test_several_captions_have_the_weight_of_their_image(rng):
    images = rng.normal(size=(4, 5)).astype("float32")
    texts = rng.normal(size=(4, 3, 5)).astype("float32")
    weights = np.array([0.5, 1, 2, 0], "float32")
    model = clip()
    losses = model.compute_losses(
        {"pair": (images, texts)}, sample_weight=weights
    )
    expected = kc.losses.CLIPLoss()(
        np.repeat(images, 3, axis=0),
        texts.reshape(12, 5),
        image_ids=np.repeat(np.arange(4), 3),
        sample_weight=np.repeat(weights, 3),
    )
    assert float(losses["loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_several_captions_build_an_encoder_of_one(tmp_path):
    images, texts = images_and_texts(16)
    model = clip(text_encoder=Unbuilt())
    x = {"images": images[:8], "texts": texts.reshape(8, 2, -1)}
    model.fit(x, batch_size=4, verbose=0)
    expected = model.predict({"texts": texts}, verbose=0)["text_embeddings"]
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        to_numpy(restored.encode_text(texts)), expected, rtol=1e-5, atol=1e-6
    )


def test_several_captions_are_checked_and_fit_every_loss():
    images, texts = images_and_texts(16)
    x = {"images": images[:8], "texts": texts.reshape(8, 2, -1)}
    # It refuses other inputs than `(batch, length)`.
    model = clip(
        text_encoder=kc.models.BagOfWords(20, width=4),
        compile={"loss": "siglip"},
    )
    history = model.fit(x, batch_size=4, validation_data=x, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    assert model.encode_text(x["texts"]).shape == (8, 2, 4)
    assert 0 <= history["val_text_to_image_recall@1"][0] <= 1
    x["texts"][3, 1, 2] = 99
    with pytest.raises(ValueError, match=r"99"):
        model.fit(x, batch_size=4, verbose=0)


@pytest.mark.one_case
@pytest.mark.parametrize("microbatch_size", [None, 4])
def test_sets_of_one_label_are_ids(microbatch_size):
    images, texts = images_and_texts(16)
    ids = np.arange(16, dtype="int32") // 2
    logs = []
    for image_ids in (ids, np.eye(8, dtype="int32")[ids]):
        keras.utils.set_random_seed(0)
        model = clip(compile={"microbatch_size": microbatch_size})
        data = {"images": images, "texts": texts, "image_ids": image_ids}
        history = model.fit(data, batch_size=8, shuffle=False, verbose=0)
        logs.append(history.history["loss"] + model.evaluate(data, verbose=0))
    assert logs[1] == pytest.approx(logs[0], rel=1e-5)


def test_refuses_sets_of_labels_for_several_captions():
    images, texts = images_and_texts(16)
    data = {
        "images": images[:8],
        "texts": texts.reshape(8, 2, -1),
        "image_ids": np.eye(8, dtype="int32"),
    }
    with pytest.raises(ValueError, match=r"several captions.*\(8, 8\)"):
        clip().train_on_batch(data)


@slow_on_jax
def test_ranks_and_widths_may_differ_between_calls():
    """On TensorFlow, a step that saw both would be traced for neither."""
    images, texts = images_and_texts(16)
    ids = np.arange(16, dtype="int32") // 2
    pairs = {"images": images, "texts": texts}
    captions = {"images": images[:8], "texts": texts.reshape(8, 2, -1)}
    model = clip(text_encoder=kc.models.BagOfWords(20, width=4))
    for data in (
        pairs,
        captions,
        {**pairs, "image_ids": ids},
        {**pairs, "image_ids": np.eye(8, dtype="int32")[ids]},
        {**pairs, "image_ids": np.eye(9, dtype="int32")[ids]},
        pairs,
    ):
        history = model.fit(data, batch_size=8, verbose=0).history
        loss = model.evaluate(data, batch_size=8, verbose=0)[0]
        assert np.isfinite([history["loss"][0], loss]).all()
    for data in (captions, pairs):
        outputs = model.predict(data, verbose=0)["text_embeddings"]
        assert outputs.shape == (*data["texts"].shape[:-1], 4)
        assert np.isfinite(model.train_on_batch(data)[0])


def distilled(image_encoder, text_encoder, **kwargs):
    return kc.CLIPDistillationModel(
        image_encoder,
        text_encoder,
        teacher=clip(logit_scale=kc.layers.LogitScale(0.2)),
        **kwargs,
    )


@pytest.mark.one_case
@pytest.mark.parametrize("make", [kc.CLIPModel, kc.SLIPModel, distilled])
def test_a_loaded_model_is_saved_as_it_is(make, tmp_path):
    data = batch()
    model = make(
        encoder(),
        text_encoder(),
        projection_dim=5,
        augmenter=kc.layers.RandomResizedCrop(SIZE, SIZE, seed=1),
    )
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(data, verbose=0)
    expected = model.predict(data, verbose=0)
    for generation in range(3):
        model.save(tmp_path / f"{generation}.keras")
        model = keras.models.load_model(tmp_path / f"{generation}.keras")
        found = model.predict(data, verbose=0)
        for name, embeddings in expected.items():
            np.testing.assert_array_equal(found[name], embeddings, str(name))
    model.fit(data, verbose=0)


@pytest.mark.one_backend
def test_files_with_nested_shapes_are_built():
    """Earlier versions wrote these when they saved a loaded model."""
    config = clip().get_config()
    shapes = {"images": (16, SIZE, SIZE, 3), "texts": (16, TOKENS)}
    nested = {"input_shape": shapes, "text_dtype": "int32"}
    model = kc.CLIPModel.from_config(config)
    model.build_from_config({"shapes_dict": nested, "text_dtype": "int32"})
    assert model.text_tower.projection.built
    assert "input_shape" in model.get_build_config()


@pytest.mark.one_backend
def test_a_default_scale_adapts_to_the_loss_after_loading(tmp_path):
    model = clip(compile={"loss": "clip"})
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    again.compile(loss="siglip")
    assert float(again.logit_scale.bias) == pytest.approx(-10)
    assert again.logit_scale.max_scale is None
    again.save(tmp_path / "again.keras")
    last = keras.models.load_model(tmp_path / "again.keras")
    last.compile(loss="clip")
    assert last.logit_scale.bias is None


def test_images_must_be_arrays():
    with pytest.raises(ValueError, match="must be an array.*Received: a list"):
        clip().encode_image([[1, 2], [3, 4]])
