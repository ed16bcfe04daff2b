"""`DualEncoderModel`: two kinds of data, and three with an anchor."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import KINDS_OF_DATA
from tests.models.helpers import SIZE
from tests.models.helpers import PyBatches
from tests.models.helpers import clip
from tests.models.helpers import dual
from tests.models.helpers import encoder
from tests.models.helpers import text_encoder
from tests.models.helpers import three_kinds
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of

TWO = ("image", "text")
PAIRS = (("image", "text"), ("image", "sensor"))
# No draws: losses that a formula can repeat.
PLAIN = {"augmenters": {"image": keras.layers.Rescaling(1 / 255)}}


def two_kinds(n=16):
    x = three_kinds(n)
    return {name: x[name] for name in TWO}


def logs_of(*pairs):
    recalls = {f"{a}_to_{b}_recall@1" for p in pairs for a, b in (p, p[::-1])}
    losses = {f"{a}_{b}_loss" for a, b in pairs} if pairs[1:] else set()
    return {"loss", "logit_scale", *recalls, *losses}


@pytest.mark.parametrize(
    "kind, form", zip(KINDS_OF_DATA, ["three", "ids", "pair"], strict=True)
)
def test_fit_takes_every_kind_of_data(kind, form):
    ids = np.arange(16, dtype="int32") // 2
    x = {
        "three": three_kinds(),
        "ids": {**two_kinds(), "ids": ids},
        "pair": tuple(two_kinds().values()),
    }[form]
    names = (*TWO, "sensor") if form == "three" else TWO
    model = dual(names, compile={"run_eagerly": False})
    history = model.fit(kind(x), epochs=2, verbose=0).history
    assert set(history) == logs_of(*(PAIRS if form == "three" else PAIRS[:1]))
    assert np.isfinite([*history.values()]).all()
    embeddings = model.predict(kind(x), verbose=0)
    assert set(embeddings) == {f"{name}_embeddings" for name in names}


def test_encodes_one_or_more_of_the_modalities():
    model, x = dual(), three_kinds()
    embeddings = model.predict(x, batch_size=8, verbose=0)
    for name, inputs in x.items():
        key = f"{name}_embeddings"
        one = model.predict({name: inputs}, verbose=0)
        assert set(one) == {key}
        for found in (one[key], model.encode(name, inputs), model(x)[key]):
            np.testing.assert_allclose(
                to_numpy(found), embeddings[key], rtol=1e-4, atol=1e-5
            )
        np.testing.assert_allclose(
            np.linalg.norm(embeddings[key], axis=1), 1, rtol=1e-5
        )
    # Augmented as in training.
    drawn = to_numpy(model.encode("sensor", x["sensor"], training=True))
    assert not np.allclose(drawn, embeddings["sensor_embeddings"])
    pair = dual(TWO)
    both = pair.predict(tuple(two_kinds().values()), verbose=0)
    assert set(both) == {"image_embeddings", "text_embeddings"}


@pytest.mark.one_case
@pytest.mark.parametrize("loss", ["clip", "siglip"])
def test_loss_is_the_sum_over_the_pairs_with_the_anchor(loss):
    model, x = dual(**PLAIN, compile={"loss": loss, "metrics": []}), {}
    x = {**three_kinds(), "ids": np.arange(16, dtype="int32") // 3}
    model.fit(x, batch_size=16, verbose=0)  # another scale than the loss's
    z = model.predict(x, verbose=0)
    objective = kc.losses.CLIPLoss() if loss == "clip" else None
    objective = objective or kc.losses.SigLIPLoss()
    scale = {"logit_scale": model.logit_scale.scale}
    if loss == "siglip":
        scale["logit_bias"] = model.logit_scale.bias
    logs = model.evaluate(x, batch_size=16, return_dict=True, verbose=0)
    total = 0
    for first, second in PAIRS:
        expected = objective(
            z[f"{first}_embeddings"],
            z[f"{second}_embeddings"],
            image_ids=x["ids"],
            **scale,
        )
        found = logs[f"{first}_{second}_loss"]
        assert found == pytest.approx(float(expected), rel=1e-4)
        total += float(expected)
    assert logs["loss"] == pytest.approx(total, rel=1e-4)


def test_is_clip_with_images_and_texts():
    """The same weights, steps and metrics."""
    keras.utils.set_random_seed(0)
    crop = {"height": SIZE, "width": SIZE, "seed": 1}
    augmenter = kc.layers.RandomResizedCrop(**crop)
    sgd = keras.optimizers.SGD
    ours = dual(TWO, sgd(0.1), augmenters={"image": augmenter})
    theirs = clip(
        encoder(batch_norm=False),
        sgd(0.1),
        text_encoder=text_encoder(),
        augmenter=kc.layers.RandomResizedCrop(**crop),
    )
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        one.assign(to_numpy(other))
    images, texts = two_kinds().values()
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    expected = theirs.fit({"images": images, "texts": texts}, **fit).history
    found = ours.fit({"image": images, "text": texts}, **fit).history
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    for one, other in zip(weights_of(ours), weights_of(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.one_case
@pytest.mark.parametrize("microbatch_size", [4, 8])
def test_microbatches_are_the_whole_batch(microbatch_size):
    def trained(size):
        keras.utils.set_random_seed(0)
        model = dual(
            optimizer=keras.optimizers.SGD(0.5),
            compile={"microbatch_size": size},
        )
        x = {**three_kinds(32), "ids": np.arange(32, dtype="int32") // 2}
        logs = model.fit(x, batch_size=16, shuffle=False, verbose=0).history
        return logs, weights_of(model)

    logs, weights = trained(microbatch_size)
    expected, others = trained(None)
    for name, values in expected.items():
        np.testing.assert_allclose(logs[name], values, rtol=1e-5, err_msg=name)
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_weights_of_examples():
    """A weight of 0 is an example that teaches nothing."""
    images, texts = two_kinds().values()
    weights = np.ones(16, "float32")
    weights[8:] = 0
    model = dual(TWO, **PLAIN, compile={"metrics": []})
    z = model.predict((images, texts), verbose=0)
    loss = model.evaluate(
        images, texts, batch_size=16, sample_weight=weights, verbose=0
    )
    expected = kc.losses.CLIPLoss()(
        z["image_embeddings"],
        z["text_embeddings"],
        logit_scale=model.logit_scale.scale,
        sample_weight=weights,
    )
    assert np.ravel(loss)[0] == pytest.approx(float(expected), rel=1e-4)


def test_a_locked_tower_stays_as_it_is():
    locked = encoder(dropout=0.5)
    locked.trainable = False
    encoders = {"image": locked, "text": text_encoder()}
    model = dual(encoders=encoders)
    before = [to_numpy(v) for v in locked.variables]
    texts = to_numpy(model.text_tower.encoder.get_layer("dense").kernel)
    model.fit(two_kinds(), batch_size=8, verbose=0)
    for old, variable in zip(before, locked.variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))
    after = to_numpy(model.text_tower.encoder.get_layer("dense").kernel)
    assert np.abs(after - texts).max() > 0


def test_metrics_are_of_their_pair():
    x = three_kinds()
    recall = kc.metrics.RetrievalRecall(3, modalities=("image", "sensor"))
    metrics = [recall, kc.metrics.Alignment()]
    model = dual(**PLAIN, compile={"metrics": metrics})
    logs = model.evaluate(x, batch_size=16, return_dict=True, verbose=0)
    z = model.predict(x, verbose=0)

    def score(metric, *pairs):
        for pair in pairs:
            metric.update_state(*(z[f"{name}_embeddings"] for name in pair))
        return pytest.approx(float(metric.result()), rel=1e-4)

    assert logs["image_to_sensor_recall@3"] == score(
        kc.metrics.RetrievalRecall(3), PAIRS[1]
    )
    assert logs["alignment"] == score(kc.metrics.Alignment(), *PAIRS)
    other = kc.metrics.RetrievalRecall(modalities=("text", "sensor"))
    with pytest.raises(ValueError, match="must be a pair of the model"):
        dual(compile={"metrics": [other]}).evaluate(x, verbose=0)


# Files.


@pytest.mark.one_case
@pytest.mark.parametrize("names", [TWO, ("text", "sensor", "image")])
def test_file_round_trip_continues_as_if_never_stopped(tmp_path, names):
    x = {name: three_kinds()[name] for name in names}
    model = dual(names, compile={"loss": "siglip"})
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(x, **fit)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.pairs == model.pairs and restored.input_names == names
    for name, array in model.predict(x, verbose=0).items():
        np.testing.assert_array_equal(
            array, restored.predict(x, verbose=0)[name]
        )
    expected = model.fit(x, epochs=2, **fit).history
    assert restored.fit(x, epochs=2, **fit).history == expected


def test_one_encoder_of_two_names_stays_one(tmp_path):
    """A question and its answer, read by the same encoder."""
    texts = three_kinds()["text"]
    x = {"question": texts, "answer": texts[:, ::-1]}
    shared = text_encoder()
    model = dual(encoders=dict.fromkeys(x, shared))
    model.fit(x, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    question, answer = restored.question_tower, restored.answer_tower
    assert question.encoder is answer.encoder
    assert question.projection is not answer.projection
    for name, array in model.predict(x, verbose=0).items():
        np.testing.assert_array_equal(
            array, restored.predict(x, verbose=0)[name]
        )


@keras.saving.register_keras_serializable("tests")
class Unbuilt(keras.layers.Layer):
    """An encoder that learns its input's shape from the first batch."""

    def build(self, input_shape):
        self.dense = keras.layers.Dense(8)
        self.flatten = keras.layers.Flatten()

    def call(self, x):
        return self.dense(self.flatten(keras.ops.cast(x, "float32")))


def test_encoders_may_be_built_by_the_data(tmp_path):
    x = three_kinds()
    names = ("sensor", "image", "text")
    model = dual(
        encoders={name: Unbuilt() for name in names},
        augmenters={"sensor": kc.layers.RandomSignalCrop(7)},
    )
    model.fit(x, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    for name, array in model.predict(x, verbose=0).items():
        np.testing.assert_array_equal(
            array, restored.predict(x, verbose=0)[name]
        )
    with pytest.raises(ValueError, match="only be built on a batch with"):
        dual(encoders=dict.fromkeys(TWO, Unbuilt()))({"image": x["image"]})


# Errors.


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"encoders": {"image": text_encoder}}, "two or more.*1 of them, 'im"),
        ({"encoders": [1, 2]}, r"must be a dict of two.*\[1, 2\]"),
        ({"encoders": {"ids": 1, "text": 2}}, "other than 'ids'.*'ids'"),
        ({"encoders": {"a b": 1, "text": 2}}, "letters.*'a b'"),
        ({"encoders": {"a": 1, "b": 2}}, "`encoders` must be Keras.*1 for 'a'"),
        ({"anchor": "audio"}, "`anchor` must be one of.*'audio'"),
        ({"anchor": None}, "`anchor`.*with more than two.*None"),
        ({"augmenters": {"audio": None}}, "`augmenters` must be.*'audio'"),
        ({"augmenters": {"image": abs}}, "`augmenters` must be Keras.*'image'"),
        ({"compile": {"loss": "softmax"}}, "`loss` must be 'clip', 'siglip'"),
    ],
)
def test_says_what_is_wrong_with_the_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        dual(**arguments)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x: {"image": x["image"]}, r"must be .*Received: \['image'\]"),
        (lambda x: {**x, "audio": x["text"]}, "must be among 'image', 'text'"),
        (lambda x: tuple(x.values()), "more than two inputs must be"),
        (lambda x: {**x, "text": ["one"] * 16}, "`text` must be token ids"),
        (lambda x: {**x, "sensor": x["sensor"][:9]}, "same number of rows"),
        (lambda x: {**x, "image": x["image"][0]}, "`image`|same number|images"),
        (lambda x: {**x, "image": x["image"][..., :2]}, "must be RGB"),
        (lambda x: {**x, "ids": np.ones(16)}, "`ids` must be integers"),
    ],
    ids=["missing", "unknown", "tuple", "str", "rows", "rank", "rgb", "ids"],
)
def test_says_what_is_wrong_with_the_data(change, message):
    with pytest.raises(ValueError, match=message):
        dual().fit(change(three_kinds()), verbose=0)


def test_says_which_modality_is_unknown():
    with pytest.raises(ValueError, match="`name` must be one of.*'audio'"):
        dual().encode("audio", np.ones((2, 3)))


def bad_batch(kind):
    x = three_kinds()
    if kind == "sensor":
        x["sensor"][11, 3] = np.nan
    elif kind == "image":
        x["image"] = x["image"].astype("float32")
    else:
        x["text"][11, 1] = 20
    return x


BAD = {
    "sensor": "`sensor`: The inputs must be finite.*1 of",
    "image": "`image`: The images must be.*span",
    "text": "(`text`: )?.*[Tt]oken",
}


@pytest.mark.one_case
@pytest.mark.parametrize("kind", BAD)
def test_bad_values_are_named(kind):
    model, x = dual(), bad_batch(kind)
    batches = PyBatches(x)
    for entry in (
        lambda: model.fit(batches, verbose=0),
        lambda: model.train_on_batch(x),
    ):
        with pytest.raises(ValueError, match=f"(?s){BAD[kind]}"):
            entry()
    assert all(np.isfinite(weight).all() for weight in weights_of(model))
    # Keras' own Embedding on PyTorch raises before the batch is reported.
    data = x if kind == "text" else batches
    for entry in (
        lambda: model.evaluate(batches, verbose=0),
        lambda: model.predict(data, verbose=0),
        lambda: model.encode(kind, x[kind]),
    ):
        if kind == "text":
            with pytest.raises(ValueError, match="(?s)token.*20"):
                entry()
        else:
            with pytest.warns(UserWarning, match=BAD[kind]):
                entry()


# What it is for.


@pytest.mark.one_backend
def test_finds_captions_that_fit_new_sounds():
    """Among 500, far above chance; and with masks of the spectrograms."""
    mel = keras.layers.MelSpectrogram(
        fft_length=256,
        sequence_stride=128,
        sampling_rate=8000,
        num_mel_bins=32,
        min_power=1e-4,
        top_db=200.0,
    )
    words = sorted(
        {w for c in kc.datasets.sounds(300, 2000).captions for w in c.split()}
    )

    def data(n, seed):
        sounds = kc.datasets.sounds(n, 4000, seed)
        tokens = np.zeros((n, 16), "int32")
        for row, caption in zip(tokens, sounds.captions, strict=True):
            ids = [words.index(word) + 1 for word in caption.split()]
            row[: len(ids)] = ids
        audio = to_numpy(mel(sounds.signals)).transpose(0, 2, 1) / 20 - 0.5
        factors = np.stack(list(sounds.factors.values()), axis=1)
        kinds = factors @ [48, 12, 3, 1]
        return {"audio": audio[..., None], "text": tokens}, kinds

    audio_encoder = keras.Sequential([keras.Input((None, 32, 1))])
    for filters in (16, 32, 64):
        audio_encoder.add(keras.layers.Conv2D(filters, 3, 2, "same"))
        audio_encoder.add(keras.layers.BatchNormalization(momentum=0.9))
        audio_encoder.add(keras.layers.ReLU())
    audio_encoder.add(keras.layers.GlobalAveragePooling2D())
    model = kc.DualEncoderModel(
        {
            "audio": audio_encoder,
            "text": kc.models.BagOfWords(len(words) + 1, 32),
        },
        32,
        {"audio": kc.layers.RandomSpectrogramMask(num_time_masks=1)},
    )
    model.compile(keras.optimizers.Adam(5e-3))
    x, kinds = data(1024, 0)
    model.fit({**x, "ids": kinds}, batch_size=128, epochs=10, verbose=0)
    x, kinds = data(500, 1)
    audio, text = model.predict(x, verbose=0).values()
    nearest = (audio @ text.T).argmax(axis=1)
    chance = (kinds[:, None] == kinds).mean()
    assert chance < 0.012
    assert (kinds[nearest] == kinds).mean() > 0.15
