"""The base class, with the methods of docs/adding_a_method.md.

The package's own versions are in `test_methods.py`, and on several devices in
`tests/distribution/test_many_equal_one.py`.
"""

import functools

import keras
import numpy as np
import pytest
from keras import ops

import keras_contrastive as kc
from tests.models.helpers import check_that_a_stopped_run_goes_on
from tests.models.own_methods import BYOLModel
from tests.models.own_methods import MoCoModel

IMAGES = np.random.default_rng(0).random((32, 8, 8, 3)).astype("float32")


def encoder():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(16),
        ]
    )


def augmenter():
    """Views that differ, of draws that a layer of this package saves."""
    return kc.layers.RandomResizedCrop(8, 8, scale=(0.5, 1.0), seed=3)


def make(method, **compile_arguments):
    keras.utils.set_random_seed(1)
    if method == "moco":
        model = MoCoModel(encoder(), augmenter(), queue_size=24)
    else:
        model = BYOLModel(encoder(), augmenter(), total_steps=8)
    model.compile(keras.optimizers.SGD(0.1), **compile_arguments)
    return model


METHODS = pytest.mark.parametrize("method", ["moco", "byol"])


def weights_of(model):
    return [ops.convert_to_numpy(v) for v in model.weights]


@pytest.mark.one_case
@METHODS
def test_the_update_follows_the_optimizer_once_a_step(method):
    model = make(method, microbatch_size=2)
    source = model.student if method == "moco" else model.online
    before = [ops.convert_to_numpy(v) for v in model.teacher.encoder.weights]
    model.fit(IMAGES[:8], batch_size=8, verbose=0)
    momentum = 0.99
    for old, follower, leader in zip(
        before, model.teacher.encoder.weights, source.weights, strict=True
    ):
        if leader.trainable:
            expected = momentum * old
            expected += (1 - momentum) * ops.convert_to_numpy(leader)
            np.testing.assert_allclose(
                ops.convert_to_numpy(follower), expected, atol=1e-6
            )
    model.fit(IMAGES, batch_size=8, verbose=0)
    model.evaluate(IMAGES, batch_size=8, verbose=0)
    assert int(model.teacher.num_updates) == 5
    assert not set(map(id, model.teacher.weights)) & set(
        map(id, model.trainable_variables)
    )


def test_the_queue_holds_the_newest_keys():
    model = make("moco")
    start = ops.convert_to_numpy(model.queue.features)
    model.fit(IMAGES[:8], batch_size=8, verbose=0)
    model.evaluate(IMAGES[:8], batch_size=8, verbose=0)
    queue = ops.convert_to_numpy(model.queue.features)
    np.testing.assert_array_equal(queue[8:], start[:16])
    np.testing.assert_allclose(
        np.linalg.norm(queue[:8], axis=1), np.ones(8), rtol=1e-5
    )


@pytest.mark.one_case
@METHODS
def test_microbatches_equal_the_whole(method, monkeypatch):
    # Batch statistics would be those of a microbatch.
    head = functools.partial(kc.layers.ProjectionHead, use_batch_norm=False)
    monkeypatch.setattr(kc.layers, "ProjectionHead", head)
    results = []
    for size in (None, 2):
        model = make(method, microbatch_size=size)
        history = model.fit(
            IMAGES, batch_size=8, epochs=2, shuffle=False, verbose=0
        ).history
        results.append((history["loss"], *weights_of(model)))
    for whole, parts in zip(*results, strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


@pytest.mark.one_case
@METHODS
def test_files_hold_all_of_it(method, tmp_path):
    model = make(method)
    model.fit(IMAGES, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for old, new in zip(weights_of(model), weights_of(again), strict=True):
        np.testing.assert_array_equal(old, new)
    histories = [
        m.fit(IMAGES, batch_size=8, shuffle=False, verbose=0).history
        for m in (model, again)
    ]
    np.testing.assert_allclose(
        histories[0]["loss"], histories[1]["loss"], rtol=1e-5
    )


@pytest.mark.one_case
@METHODS
def test_a_stopped_run_goes_on(method, tmp_path):
    check_that_a_stopped_run_goes_on(
        lambda: make(method), IMAGES, None, tmp_path
    )


class Scheduled(kc.models.ContrastiveModel):
    """Three views of two sizes, labels, two losses, and a schedule."""

    named_losses = {"cosine": keras.losses.CosineSimilarity}
    loss_names = ("cosine", "classes")

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)
        self.probe = keras.layers.Dense(3)

    def build(self, input_shape):
        self.dense.build((None, 6))
        self.probe.build((None, 4))
        self.built = True

    def make_views(self, x, training):
        return {"global": [x, 0.5 * x], "local": x[:, :3]}

    def embed(self, views, training):
        local = ops.pad(views["local"], ((0, 0), (0, 3)))
        views = [*views["global"], local]
        return [self.dense(view) for view in views]

    def embed_targets(self, views, training):
        step = ops.cast(self.optimizer.iterations, "float32")
        return {"step": step + 0 * views["local"][:, :1]}

    def compute_losses(self, embeddings, targets, y, sample_weight, training):
        first, second, third = embeddings
        step = ops.cast(self.optimizer.iterations, "float32")
        cosine = self.loss(first, second) + self.loss(first, third)
        scores = keras.losses.sparse_categorical_crossentropy(
            y, self.probe(first), from_logits=True
        )
        return {
            "cosine": 0 * cosine + step,
            "classes": 0 * ops.mean(scores) + ops.mean(targets["step"]),
        }

    def after_update(self, embeddings, targets):
        assert len(embeddings) == 3

    def metric_inputs(self, embeddings, targets):
        return embeddings[0], embeddings[2]

    def call(self, x, training=False):
        return self.dense(x)


@pytest.mark.one_case
@pytest.mark.parametrize("microbatch_size", [None, 2])
def test_losses_have_names_and_see_the_iteration(microbatch_size):
    model = Scheduled()
    model.compile(microbatch_size=microbatch_size)
    x = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
    y = np.arange(16) % 3
    data = {"batch_size": 4, "verbose": 0}
    history = model.fit(x, y, **data, validation_data=(x, y), epochs=2).history
    # Means of 0 to 3 and 4 to 7; evaluation sees those that are done.
    assert history["cosine"] == history["classes"] == [1.5, 5.5]
    assert history["loss"] == [3.0, 11.0]
    assert history["val_cosine"] == history["val_classes"] == [4.0, 8.0]
    assert model.evaluate(x, y, **data, return_dict=True)["loss"] == 16.0
    assert set(history) >= {"contrastive_accuracy", "val_contrastive_accuracy"}


def test_names_of_losses_are_checked():
    class Wrong(Scheduled):
        loss_names = ("loss",)

    model = Wrong()
    model.compile()
    with pytest.raises(ValueError, match="loss_names.*classes.*loss"):
        model.fit(np.ones((4, 6)), np.zeros(4), verbose=0)


@pytest.mark.one_backend
def test_a_method_without_losses_says_so():
    class Unnamed(kc.models.ContrastiveModel):
        pass

    with pytest.raises(ValueError, match="`named_losses` or override"):
        Unnamed().compile()


def test_weighted_metrics_get_the_weights():
    model = make("byol", metrics=[], weighted_metrics=kc.metrics.Alignment())
    unweighted = make("byol", metrics=kc.metrics.Alignment())
    # One example of eight counts.
    weight = np.eye(1, 8, dtype="float32")[0]
    data = {"y": np.zeros(8), "verbose": 0, "return_dict": True}
    logs = [
        m.evaluate(IMAGES[:8], sample_weight=weight, **data)
        for m in (model, unweighted)
    ]
    with pytest.raises(ValueError, match="`sample_weight` must come with"):
        model.evaluate(IMAGES[:8], sample_weight=weight, verbose=0)
    validation = (IMAGES[:8], None, weight)
    with pytest.raises(ValueError, match="`sample_weight` must come with"):
        model.fit(IMAGES[:8], validation_data=validation, verbose=0)
    assert logs[0]["alignment"] != pytest.approx(logs[1]["alignment"])
