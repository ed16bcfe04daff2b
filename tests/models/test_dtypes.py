"""Both models under dtype policies and values of `floatx`, end to end.

Mixed policies: test_mixed_precision.py and test_simclr_model.py.
"""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import to_numpy

SIZE = 8


@pytest.fixture(params=["policy", "floatx"])
def kind(request):
    yield request.param
    keras.config.set_floatx("float32")


@pytest.fixture(params=["float16", "bfloat16", "float64"])
def dtype(request, kind):
    if kind == "policy" and keras.backend.backend() == "jax":
        pytest.skip("JAX compiles long, and floatx sets the policy too")
    if request.param == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float32 then")
    if kind == "floatx":
        keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    return request.param


def images():
    shape = (8, SIZE, SIZE, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


def trained(model, data, **compile):
    """The model after an epoch, a validation and a `predict`."""
    # Tracing takes TensorFlow most of a test's time.
    eager = keras.backend.backend() == "tensorflow"
    model.compile(run_eagerly=eager, **compile)
    history = model.fit(
        data, validation_data=(data, None), batch_size=4, verbose=0
    )
    outputs = model.predict(data, verbose=0)
    for x in keras.tree.flatten([history.history, outputs]):
        # Of bfloat16 TensorFlow makes no Python number.
        assert np.isfinite(to_numpy(keras.ops.cast(x, "float32"))).all()


def reloaded(model, path):
    """As another process loads it, whose policy is the default one."""
    model.save(path)
    keras.config.set_dtype_policy("float32")
    return keras.models.load_model(path)


@pytest.mark.one_case
def test_simclr(dtype, tmp_path):
    model = kc.SimCLRModel(
        # Wide enough that no example ends at the origin, where the gradient is
        # steeper than float16 can say.
        kc.models.ConvNet(16, 1, input_shape=(SIZE, SIZE, 3)),
        augmenter=kc.layers.RandomFlip(),  # soon compiled
    )
    trained(model, images())
    assert model.encoder.compute_dtype == dtype
    h = to_numpy(model(images()))
    copy = reloaded(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(copy(images())), h)


@pytest.mark.one_case
def test_clip(dtype, tmp_path):
    model = kc.CLIPModel(
        kc.models.VisionTransformer(4, 4, 1, 1, input_shape=(SIZE, SIZE, 3)),
        kc.models.TextTransformer(16, 2, 4, 4, 1, 1),
        projection_dim=4,
        augmenter=kc.layers.RandomFlip(),
    )
    texts = np.array([[1, 3 + i, 2, 0] for i in range(8)])
    data = {"images": images(), "texts": texts}
    # Adam's epsilon vanishes in float16: whether a gradient of 0 gives NaN
    # depends on the initial weights.
    trained(model, data, loss="siglip", optimizer=keras.optimizers.SGD(0.01))
    before = model(data)
    copy = reloaded(model, tmp_path / "model.keras")
    for name, embeddings in copy(data).items():
        assert keras.backend.standardize_dtype(embeddings.dtype) == "float32"
        np.testing.assert_array_equal(
            to_numpy(embeddings), to_numpy(before[name])
        )


def test_a_model_has_a_policy_of_its_own(tmp_path):
    """Its projections and its head too, whatever the global one is."""
    encoder = kc.models.ConvNet(2, 1, input_shape=(SIZE, SIZE, 3))
    simclr = kc.SimCLRModel(encoder, dtype="mixed_bfloat16")
    clip = kc.CLIPModel(
        encoder, kc.models.BagOfWords(16, 4), 4, dtype="mixed_bfloat16"
    )
    assert simclr.projector.compute_dtype == "bfloat16"
    assert clip.image_tower.projection.compute_dtype == "bfloat16"
    assert clip.text_tower.projection.compute_dtype == "bfloat16"
