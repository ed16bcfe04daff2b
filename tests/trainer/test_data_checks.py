"""Data of the wrong form is named before any step."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import KINDS_OF_DATA
from tests.models.helpers import PyBatches
from tests.models.helpers import clip
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import simclr
from tests.models.helpers import text_encoder

IMAGES, TEXTS = images_and_texts(8)
WORDS = np.array(["a cat"] * 8)
ENTRIES = ["fit", "evaluate", "train_on_batch", "test_on_batch"]


@pytest.fixture(scope="module")
def model():
    return clip()


def call(model, entry, *data, **kwargs):
    if not entry.endswith("on_batch"):
        kwargs["verbose"] = 0
    return getattr(model, entry)(*data, **kwargs)


@pytest.mark.parametrize("entry", [*ENTRIES, "predict", "predict_on_batch"])
def test_lengths_that_differ(model, entry):
    several = np.repeat(TEXTS, 5, axis=0)
    with pytest.raises(ValueError, match="images of 8 rows, texts of 40 rows"):
        call(model, entry, {"images": IMAGES, "texts": several})
    if entry.startswith("predict"):
        return
    with pytest.raises(ValueError, match="np.repeat.*or choose one caption"):
        call(model, entry, IMAGES, several)
    with pytest.raises(ValueError, match="sample_weight of 3 rows"):
        call(model, entry, IMAGES, TEXTS, sample_weight=np.ones(3))


@pytest.mark.parametrize("entry", ENTRIES)
def test_strings(model, entry):
    for words in (WORDS, list(WORDS), WORDS.astype(object)):
        with pytest.raises(ValueError, match="`texts` must be token.*tokeni"):
            call(model, entry, {"images": IMAGES, "texts": words})
    with pytest.raises(ValueError, match="`image_ids` must be integers"):
        data = {"images": IMAGES, "texts": TEXTS, "image_ids": WORDS}
        call(model, entry, data)
    with pytest.raises(ValueError, match="`labels` must be integers.*unique"):
        call(simclr(), entry, IMAGES, WORDS)


@pytest.mark.one_backend
@pytest.mark.parametrize("number", [1, np.int64(1), np.float32(1)])
def test_lists_of_numbers(number):
    with pytest.raises(ValueError, match="`labels` .* a list of numbers"):
        simclr().fit(IMAGES, [number] * 8, verbose=0)


def test_validation_data_too(model):
    good = {"images": IMAGES, "texts": TEXTS}
    for bad in (
        {**good, "texts": TEXTS[:3]},
        (IMAGES, TEXTS[:3]),
        ({**good, "texts": TEXTS[:3]},),
    ):
        with pytest.raises(ValueError, match="texts of 3 rows"):
            model.fit(good, validation_data=bad, verbose=0)


def test_views_and_labels():
    images, labels = images_and_labels(8)
    with pytest.raises(ValueError, match="`images` .*images of 4 and 8 rows"):
        simclr().fit((images, images[:4]), verbose=0)
    with pytest.raises(ValueError, match="labels of 7 rows"):
        simclr().fit(images, labels[:7], verbose=0)


# Ids.

IDS = np.arange(8) * 3 + 1_000_092_795


def with_ids(image_ids):
    return {"images": IMAGES, "texts": TEXTS, "image_ids": image_ids}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    "ids, message",
    [
        (IDS.astype("float64"), "must be integers.*dtype float64"),
        (IDS.astype("float32"), "must be integers.*dtype float32"),
        (IDS[:, None], r"shape=\(8, 1\)"),
        (np.stack([IDS, IDS], 1), r"must be sets.*shape=\(8, 2\)"),
        (np.ones((8, 2, 2), "int32"), r"shape=\(8, 2, 2\)"),
        (IDS[:4], "image_ids of 4 rows"),
        (IDS > 0, "must be integers.*dtype bool"),
    ],
)
def test_refuses_ids(model, entry, ids, message):
    with pytest.raises(ValueError, match=f"`image_ids`.*{message}"):
        call(model, entry, with_ids(ids))


@pytest.mark.parametrize("kind", KINDS_OF_DATA)
def test_refuses_float_ids_in_batches(kind):
    model = clip(compile={"run_eagerly": True})
    with pytest.raises(ValueError, match="`image_ids` must be integers"):
        model.fit(kind(with_ids(IDS.astype("float64"))), verbose=0)
    with pytest.raises(ValueError, match="`image_ids` must be integers"):
        model.evaluate(kind(with_ids(IDS.astype("float64"))), verbose=0)


@pytest.mark.parametrize("kind", [dict, *KINDS_OF_DATA])
def test_ids_of_64_bits_are_exact_or_refused(kind):
    model = clip(
        compile={"metrics": [], "run_eagerly": keras.backend.backend() != "jax"}
    )
    # They differ in the upper 32 bits only.
    wide = np.arange(8) * 2**32
    small = kind(with_ids(np.arange(8)))
    expected = model.evaluate(small, verbose=0)
    if keras.backend.backend() == "jax":
        for entry in ("fit", "evaluate"):
            with pytest.raises(ValueError, match="must fit into 32 bits"):
                call(model, entry, kind(with_ids(wide)))
        return
    found = model.evaluate(kind(with_ids(wide)), verbose=0)
    assert found == pytest.approx(expected, rel=1e-5)


def test_losses_refuse_ids():
    z = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    for loss in (kc.losses.CLIPLoss(), kc.losses.SigLIPLoss()):
        for ids in ([0.0, 1.0, 2.0], ["a", "b", "c"], np.ones(3, "float64")):
            with pytest.raises(ValueError, match="`image_ids` must be integer"):
                loss(z, z, image_ids=ids)
        float_ids = keras.ops.convert_to_tensor([0.0, 1.0, 2.0])
        with pytest.raises(ValueError, match="`image_ids` must be integers"):
            loss(z, z, image_ids=float_ids)
        assert np.isfinite(float(loss(z, z, image_ids=[0, 0, 1])))
        wide = np.array([0, 2**32, 2**33])
        if keras.backend.backend() == "jax":
            with pytest.raises(ValueError, match="must fit into 32 bits"):
                loss(z, z, image_ids=wide)
        else:
            assert float(loss(z, z, image_ids=wide)) == pytest.approx(
                float(loss(z, z, image_ids=[0, 1, 2]))
            )


def test_supcon_refuses_labels():
    z = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    loss = kc.losses.SupConLoss()
    expected = float(loss(np.array([0, 0, 1, 1]), z))
    assert float(loss([0.0, 0.0, 1.0, 1.0], z)) == expected
    for labels in ([0.5, 0.5, 1, 1], [np.nan, 0, 1, 1], [1e30, 1e30, 0, 0]):
        with pytest.raises(ValueError, match="`labels` must be integers.*such"):
            loss(np.array(labels), z)
    with pytest.raises(ValueError, match="`labels` must be integers.*unique"):
        loss(["a", "a", "b", "b"], z)
    if keras.backend.backend() == "jax":
        with pytest.raises(ValueError, match="`labels` must fit into 32 bits"):
            loss(np.array([0, 2**32, 0, 2**32]), z)


# Microbatches.


NOT_DIVIDED = "`microbatch_size` must divide the batch"


def refused(model, *args, **kwargs):
    with pytest.raises(ValueError, match=NOT_DIVIDED):
        model.fit(*args, verbose=0, **kwargs)
    assert int(model.optimizer.iterations) == 0


def test_batches_known_not_to_divide_are_named_before_training():
    images, _ = images_and_labels(14)
    model = simclr(compile={"microbatch_size": 4})
    refused(model, images, batch_size=8)
    refused(model, images[:12], batch_size=6)
    refused(model, images[:3])
    # 12 of 14 and 16 of 20 would do.
    refused(model, images, batch_size=4, validation_split=0.5)
    with pytest.raises(ValueError, match=NOT_DIVIDED):
        model.train_on_batch(images)
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(torch.from_numpy(images))
    refused(model, torch.utils.data.DataLoader(rows, batch_size=4))
    tf = pytest.importorskip("tensorflow")
    rows = tf.data.Dataset.from_tensor_slices(images)
    refused(model, rows.batch(6, drop_remainder=True))


@pytest.mark.parametrize("jit_compile", ["auto", True])
def test_a_smaller_last_batch_is_named_in_its_step(jit_compile):
    """Also by TensorFlow with XLA, which has no assertions."""
    if jit_compile is True and keras.backend.backend() != "tensorflow":
        pytest.skip("the default of JAX, and not supported on PyTorch")

    class Uneven(PyBatches):
        def __len__(self):
            return 2

    images, _ = images_and_labels(14)
    compile = {"microbatch_size": 4, "jit_compile": jit_compile}
    model = simclr(compile=compile)
    with pytest.raises(ValueError, match=NOT_DIVIDED):
        model.fit(Uneven(images), verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    # Validation is not in microbatches.
    model.fit(images[:8], validation_data=(images[:5],), verbose=0)


class AddsLoss(keras.layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(x))
        return x


@pytest.mark.parametrize("where", ["encoder", "projector", "nested"])
def test_losses_of_microbatches_are_refused(where):
    adding = {
        "encoder": lambda: keras.Sequential([*encoder().layers, AddsLoss()]),
        "nested": lambda: keras.Sequential(
            [keras.Sequential([*encoder().layers, AddsLoss()])]
        ),
        "projector": encoder,
    }[where]()
    projector = kc.layers.ProjectionHead(8, 4)
    if where == "projector":
        projector = keras.Sequential(
            [keras.layers.Dense(4, activity_regularizer="l2")]
        )
    model = kc.SimCLRModel(adding, projector, keras.layers.Rescaling(1 / 255))
    model.compile(microbatch_size=4)
    with pytest.raises(ValueError, match="`microbatch_size` must be None.*los"):
        model.fit(IMAGES, verbose=0)


@pytest.mark.one_case
@pytest.mark.parametrize("kind", ["add_loss", "kernel_regularizer"])
def test_losses_beside_the_embeddings_count_once(kind):
    """Those of weights, and of a probe, which sees the whole batch."""

    def trained(microbatch_size):
        keras.utils.set_random_seed(0)
        net = encoder(batch_norm=False)
        probe = keras.Sequential([keras.layers.Dense(4)])
        if kind == "add_loss":
            probe.add(AddsLoss())
        else:
            net.get_layer("dense").kernel_regularizer = None
            inputs = keras.Input((16, 16, 3))
            x = keras.layers.Flatten()(inputs)
            net = keras.Model(
                inputs, keras.layers.Dense(8, kernel_regularizer="l2")(x)
            )
        model = kc.SimCLRModel(
            net,
            kc.layers.ProjectionHead(8, 4, use_batch_norm=False),
            keras.layers.Rescaling(1 / 255),
            probe=probe,
        )
        model.compile(
            keras.optimizers.SGD(0.1), microbatch_size=microbatch_size
        )
        images, labels = images_and_labels(8)
        logs = model.fit(images, labels, batch_size=8, epochs=2, verbose=0)
        return logs.history["loss"], model.get_weights()

    (loss, weights), (expected, references) = trained(4), trained(None)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    for one, other in zip(weights, references, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


# Files of weights.


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("method", ["simclr", "clip"])
def test_weights_load_into_a_fresh_model(method, compiled, tmp_path):
    def fresh():
        if method == "simclr":
            return kc.SimCLRModel(encoder(), num_classes=4)
        return kc.CLIPModel(encoder(), text_encoder(), 4)

    path = str(tmp_path / "model.weights.h5")
    model = fresh()
    model.save_weights(path)
    restored = fresh()
    if compiled:
        restored.compile()
    restored.load_weights(path)
    for one, other in zip(
        restored.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    restored.compile()


def test_weights_of_another_loss_are_explained(tmp_path):
    path = str(tmp_path / "model.weights.h5")
    siglip = clip(compile={"loss": "siglip"})
    siglip.save_weights(path)
    with pytest.raises(ValueError, match="compile a new model with that loss"):
        kc.CLIPModel(encoder(), text_encoder(), 4).load_weights(path)
    clip(compile={"loss": "siglip"}).load_weights(path)
