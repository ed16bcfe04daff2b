"""Gradients from microbatches are those of the whole batch."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer import microbatches
from tests.models.helpers import clip
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import simclr
from tests.models.helpers import text_encoder

BATCH = 16


class InOneGraph:
    """Embeds in microbatches as well, and differentiates through all."""

    parts_of_batch = 4

    def embed(self, views, training):
        if not training:
            return super().embed(views, training)
        views = microbatches.in_parts(views, self.parts_of_batch)
        parts = [
            super(InOneGraph, self).embed(
                keras.tree.map_structure(lambda x, i=i: x[i], views), training
            )
            for i in range(self.parts_of_batch)
        ]
        return microbatches.as_whole(
            keras.tree.map_structure(lambda *x: keras.ops.stack(x), *parts)
        )


class SimCLRInOneGraph(InOneGraph, kc.SimCLRModel):
    pass


class CLIPInOneGraph(InOneGraph, kc.CLIPModel):
    pass


def layers_with_dropout(kind):
    dropout = {
        "ours": kc.layers.Dropout(0.3, seed=5),
        "keras": keras.layers.Dropout(0.3, seed=5),
        "none": keras.layers.Identity(),
    }[kind]
    net = encoder(batch_norm=False)
    return keras.Sequential([*net.layers, dropout])


def make(method, dropout, reference, microbatch_size, **compile):
    keras.utils.set_random_seed(0)
    compile["microbatch_size"] = microbatch_size
    optimizer = compile.pop("optimizer", None) or keras.optimizers.SGD(0.5)
    if method == "simclr":
        model = (SimCLRInOneGraph if reference else kc.SimCLRModel)(
            layers_with_dropout(dropout),
            kc.layers.ProjectionHead(8, 4, use_batch_norm=False),
            kc.layers.RandomFlip(seed=1),
            num_classes=4,
        )
    else:
        model = (CLIPInOneGraph if reference else kc.CLIPModel)(
            layers_with_dropout(dropout),
            text_encoder(),
            projection_dim=8,
            augmenter=kc.layers.RandomFlip(seed=1),
        )
    model.compile(optimizer, **compile)
    return model


class AugmentsItself(kc.SimCLRModel):
    """Overrides `make_views` alone."""

    def make_views(self, x, training):
        first, second = super().make_views(x, training)
        return [first, 0.5 * second]


def data_for(method):
    if method == "simclr":
        images, labels = images_and_labels(2 * BATCH)
        return dict(x=images, y=labels)
    images, texts = images_and_texts(2 * BATCH)
    ids = np.arange(2 * BATCH, dtype="int32") // 2
    return dict(x={"images": images, "texts": texts, "image_ids": ids})


def trained(model, method):
    """Logs and trained weights after two steps."""
    keras.utils.set_random_seed(1)
    logs = model.fit(
        **data_for(method), batch_size=BATCH, shuffle=False, verbose=0
    ).history
    weights = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    return logs, weights, model


def assert_equal(results, references):
    for name, values in references[0].items():
        np.testing.assert_allclose(
            results[0][name], values, rtol=1e-5, err_msg=name
        )
    for one, other in zip(results[1], references[1], strict=True):
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other)


@pytest.mark.one_case
@pytest.mark.parametrize("method", ["simclr", "clip"])
@pytest.mark.parametrize("microbatch_size", [4, 8, BATCH])
def test_equals_the_whole_batch(method, microbatch_size):
    assert_equal(
        trained(make(method, "none", False, microbatch_size), method),
        trained(make(method, "none", False, None), method),
    )


def test_makes_the_views_of_a_microbatch():
    """From the draws for the whole batch."""
    batches = []

    class Recorded(kc.SimCLRModel):
        def finish_views(self, drawn):
            views = super().finish_views(drawn)
            batches.append([view.shape[0] for view in views])
            return views

    def results(model_class, augmenter, **compile):
        keras.utils.set_random_seed(0)
        model = model_class(
            encoder(batch_norm=False),
            kc.layers.ProjectionHead(8, 4, use_batch_norm=False),
            augmenter,
        )
        model.compile(keras.optimizers.SGD(0.5), **compile)
        return trained(model, "simclr")

    def augmenter():
        return kc.layers.simclr_augmentation("cifar10", 16, 16, seed=3)

    expected = results(kc.SimCLRModel, augmenter())
    assert_equal(results(Recorded, augmenter(), microbatch_size=4), expected)
    assert set(map(tuple, batches)) == {(4, 4)}
    # Where `make_views` is a subclass's own, it makes the views.
    expected = results(AugmentsItself, augmenter())
    found = results(AugmentsItself, augmenter(), microbatch_size=4)
    assert_equal(found, expected)


@pytest.mark.one_case
@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="JAX says what it allocates"
)
@pytest.mark.parametrize("method", ["simclr", "clip"])
def test_memory_has_no_views_of_the_whole_batch(method):
    import jax

    side = 32
    small = keras.Sequential(
        [
            keras.Input((side, side, 3)),
            keras.layers.AveragePooling2D(8),
            keras.layers.Flatten(),
            keras.layers.Dense(8),
        ]
    )

    def temporary_bytes(batch):
        images = np.zeros((batch, side, side, 3), "uint8")
        if method == "simclr":
            model, data = kc.SimCLRModel(small), images
        else:
            model = kc.CLIPModel(small, text_encoder(), projection_dim=8)
            data = {"images": images, "texts": np.ones((batch, 6), "int32")}
        model.compile(keras.optimizers.SGD(0.1), microbatch_size=16)
        model.train_on_batch(data)
        state = model._get_jax_state(
            trainable_variables=True,
            non_trainable_variables=True,
            optimizer_variables=True,
            metrics_variables=True,
        )
        step = jax.jit(model.train_step).lower(state, (data,)).compile()
        return step.memory_analysis().temp_size_in_bytes

    each = (temporary_bytes(128) - temporary_bytes(64)) / 64
    # The integers in microbatches and the embeddings: less than one view.
    assert each < 4 * side * side * 3


@pytest.mark.one_case
@pytest.mark.parametrize("method", ["simclr", "clip"])
@pytest.mark.parametrize("dropout", ["ours", "keras"])
def test_replays_dropout(method, dropout):
    results = trained(make(method, dropout, False, BATCH // 4), method)
    references = trained(make(method, dropout, True, None), method)
    assert_equal(results, references)
    if dropout == "ours":
        # The random state advanced once, not once for each pass.
        states = [
            [
                keras.ops.convert_to_numpy(v).tolist()
                for v in model.non_trainable_variables
                if "seed" in v.path
            ]
            for *_, model in (results, references)
        ]
        assert states[0] == states[1] and states[0]


def test_batch_statistics_advance_once():
    """By every microbatch once, as if each were a batch."""

    def moving_means(model_class, **compile):
        keras.utils.set_random_seed(0)
        model = model_class(
            encoder(batch_norm=True),
            kc.layers.ProjectionHead(8, 4),
            kc.layers.RandomFlip(seed=1),
        )
        model.compile(keras.optimizers.SGD(0.0), **compile)
        images, _ = images_and_labels(BATCH)
        model.fit(images, batch_size=BATCH, shuffle=False, verbose=0)
        return [
            keras.ops.convert_to_numpy(v)
            for v in model.non_trainable_variables
            if "moving" in v.path
        ]

    found = moving_means(kc.SimCLRModel, microbatch_size=BATCH // 4)
    expected = moving_means(SimCLRInOneGraph)
    assert len(found) == len(expected) == 4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.one_case
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.5, clipnorm=0.01),
        lambda: keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5),
    ],
    ids=["clipnorm", "ema"],
)
def test_with_what_optimizers_do(optimizer):
    # Not CLIP: the norm that Keras clips by on TensorFlow is another one for
    # the sparse gradient of an embedding, which microbatches sum up.
    assert_equal(
        *(
            trained(
                make("simclr", "none", False, size, optimizer=optimizer()),
                "simclr",
            )
            for size in (4, None)
        )
    )


@pytest.mark.one_case
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        # Float16 scales the loss; the update must undo it.
        (logs, weights, _), (expected, references, _) = (
            trained(
                make(
                    "simclr",
                    "none",
                    False,
                    size,
                    optimizer=keras.optimizers.SGD(0.5),
                ),
                "simclr",
            )
            for size in (4, None)
        )
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(logs["loss"], expected["loss"], rtol=0.02)
    for one, other in zip(weights, references, strict=True):
        assert np.linalg.norm(one - other) <= 0.05 * np.linalg.norm(other)


def test_survives_a_file(tmp_path):
    model = simclr(compile={"microbatch_size": 4})
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.microbatch_size == 4


def test_rejects_sizes():
    with pytest.raises(ValueError, match="`microbatch_size` must be a positiv"):
        simclr(compile={"microbatch_size": 0})
    net = encoder()
    net.layers[-1].activity_regularizer = keras.regularizers.L2(0.1)
    model = simclr(net, compile={"microbatch_size": 4})
    images, _ = images_and_labels(BATCH)
    with pytest.raises(ValueError, match="an activity regularizer"):
        model.fit(images, batch_size=BATCH, verbose=0)
    model = clip(compile={"microbatch_size": 5})
    images, texts = images_and_texts(BATCH)
    with pytest.raises(ValueError, match="must divide the batch"):
        model.fit((images, texts), batch_size=BATCH, verbose=0)
