"""Transformers on CPUs with TensorFlow: XLA where `fit` is long."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer import xla_on_cpu
from keras_contrastive.trainer.xla_on_cpu import repays_xla

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the other backends have one way to compile",
)
IMAGES = np.random.default_rng(0).random((12, 8, 8, 3), "float32")
TOKENS = np.full((12, 4), 1, "int32")
ARRAYS = {"x": IMAGES, "y": TOKENS, "batch_size": 4}  # 3 steps an epoch


def clip(image_encoder=None, **kwargs):
    model = kc.CLIPModel(
        image_encoder
        or kc.models.VisionTransformer(4, 8, 1, 2, input_shape=(8, 8, 3)),
        kc.models.TextTransformer(9, 1, 4, width=8, num_layers=1, num_heads=2),
        projection_dim=8,
        augmenter=keras.layers.Identity(),  # XLA draws other numbers
    )
    model.compile(keras.optimizers.SGD(0.1), **kwargs)
    return model


def test_long_runs_of_transformers_use_it(monkeypatch):
    """And compute the same; what was compiled serves the next fit."""
    losses = []
    for fewest in (7, 6):
        monkeypatch.setattr(xla_on_cpu, "FEWEST_STEPS", fewest)
        keras.utils.set_random_seed(0)
        model = clip()
        history = model.fit(**ARRAYS, epochs=2, verbose=0, shuffle=False)
        losses.append(history.history["loss"])
        assert model._uses_xla == (fewest == 6)
        assert not model.jit_compile  # `evaluate` and `predict` do without
    np.testing.assert_allclose(*losses, rtol=1e-4)
    function = model.train_function
    model.fit(**ARRAYS, verbose=0)
    assert model._uses_xla and model.train_function is function
    model.compile()
    model.fit(**ARRAYS, verbose=0)
    assert not model._uses_xla


@pytest.mark.parametrize(
    ("x", "keywords", "steps"),
    [
        (IMAGES, {"batch_size": 5}, 3),
        (IMAGES, {"validation_split": 0.5, "batch_size": 4}, 2),
        ((IMAGES, TOKENS), {"epochs": 7, "batch_size": 4}, 21),
        (IMAGES, {"steps_per_epoch": 9, "epochs": 2, "initial_epoch": 1}, 18),
        ("batches", {"epochs": 2}, 6),
        ("endless batches", {"epochs": 2}, None),
        ("generator", {}, None),
    ],
)
def test_number_of_steps(x, keywords, steps, monkeypatch):
    import tensorflow as tf

    if isinstance(x, str):
        batches = tf.data.Dataset.from_tensor_slices(IMAGES).batch(4)
        x = {
            "batches": batches,
            "endless batches": batches.repeat(),
            "generator": (batch for batch in batches),
        }[x]
    model = clip()
    monkeypatch.setattr(xla_on_cpu, "FEWEST_STEPS", steps or 1)
    assert repays_xla(model, {"x": x, **keywords}) == (steps is not None)
    monkeypatch.setattr(xla_on_cpu, "FEWEST_STEPS", (steps or 1) + 1)
    assert not repays_xla(model, {"x": x, **keywords})


def test_other_layers_do_not(monkeypatch):
    monkeypatch.setattr(xla_on_cpu, "FEWEST_STEPS", 1)
    assert repays_xla(clip(), ARRAYS)
    convolutions = kc.models.ConvNet(width=2, input_shape=(8, 8, 3))
    assert not repays_xla(clip(convolutions), ARRAYS)

    class Unknown(keras.layers.Layer):
        def call(self, x):
            return x

    encoder = kc.models.VisionTransformer(4, 8, 1, 2, input_shape=(8, 8, 3))
    unknown = keras.Sequential([encoder, Unknown()])
    assert not repays_xla(clip(unknown), ARRAYS)
    assert not repays_xla(clip(run_eagerly=True), ARRAYS)


def test_the_users_choice_counts(monkeypatch):
    monkeypatch.setattr(xla_on_cpu, "FEWEST_STEPS", 1)
    model = clip(jit_compile=False)
    model.fit(**ARRAYS, verbose=0)
    assert not model._uses_xla
