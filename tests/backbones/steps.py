"""What is asked of every backbone: pool, predict, train, save and load."""

import tempfile
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc
from tests.backbones import images
from tests.backbones import texts

STEPS = ("pooled", "forward", "training", ".keras")


def image_steps(make):
    """Yields the names of the steps done, with the backbone in SimCLR."""
    encoder = kc.models.pooled(make())
    yield "pooled"
    model = kc.SimCLRModel(
        encoder,
        kc.layers.ProjectionHead(8, 4),
        kc.layers.RandomResizedCrop(*images.SHAPE[:2]),
    )
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, size=(4, *images.SHAPE)).astype("uint8")
    yield from _model_steps(model, encoder, data, data)


def text_steps(make, arguments):
    """The same with the backbone as the text encoder of CLIP."""
    encoder = kc.models.pooled(make(), **arguments)
    yield "pooled"
    model = kc.CLIPModel(
        kc.models.ConvNet(4, 1, input_shape=(8, 8, 3)), encoder, 4
    )
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, size=(4, 8, 8, 3)).astype("uint8")
    inputs = texts.inputs_of(encoder)
    yield from _model_steps(
        model, encoder, {"images": pictures, "texts": inputs}, {"texts": inputs}
    )


def _model_steps(model, encoder, data, inputs):
    model.compile(keras.optimizers.SGD(0.1))
    before = _predict(model, inputs)
    assert before.ndim == 2 and np.isfinite(before).all()
    assert np.ptp(before, axis=0).max() > 0, "the same for all examples"
    yield "forward"

    weights = [np.copy(w) for w in encoder.get_weights()]
    history = model.fit(data, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = encoder.get_weights()
    moved = [(a != b).any() for a, b in zip(weights, after, strict=True)]
    assert any(moved), "no weight has moved"
    yield "training"

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        expected = _predict(model, inputs)
        model.save(path)
        restored = keras.models.load_model(path)
        np.testing.assert_allclose(
            _predict(restored, inputs), expected, rtol=1e-4, atol=1e-5
        )
    yield ".keras"


def _predict(model, inputs):
    outputs = model.predict(inputs, batch_size=4, verbose=0)
    return outputs["text_embeddings"] if isinstance(outputs, dict) else outputs
