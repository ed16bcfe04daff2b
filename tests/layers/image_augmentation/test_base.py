"""What every augmentation layer must do."""

import keras
import numpy as np
import pytest

from keras_contrastive import layers
from tests.layers.image_augmentation.helpers import LAYERS
from tests.layers.image_augmentation.helpers import to_numpy

every_layer = pytest.mark.parametrize("name", LAYERS)


def integer_images(rng, batch=6, height=16, width=14):
    return rng.integers(0, 256, (batch, height, width, 3)).astype("uint8")


def tensorflow_or_skip():
    return pytest.importorskip("tensorflow")


@every_layer
def test_changes_images_at_random_in_training_only(name, rng):
    images = rng.random((6, 16, 14, 3), dtype="float32")
    images[:] = images[0]
    layer = LAYERS[name](seed=1)
    first, second = to_numpy(layer(images)), to_numpy(layer(images))
    assert not np.allclose(first, second)
    assert not np.allclose(first, first[:1])
    unchanged = to_numpy(layer(images, training=False))
    if name == "crop":
        assert unchanged.shape == (6, 12, 10, 3)
        np.testing.assert_array_equal(
            unchanged, to_numpy(layer(images, training=False))
        )
    else:
        np.testing.assert_array_equal(unchanged, images)


@pytest.mark.one_case
@every_layer
def test_same_seed_same_draws(name, rng):
    images = rng.random((6, 16, 14, 3))
    one, other = LAYERS[name](seed=3), LAYERS[name](seed=3)
    for _ in range(2):
        np.testing.assert_array_equal(
            to_numpy(one(images)), to_numpy(other(images))
        )


@every_layer
def test_integers_and_ranges_agree(name, rng):
    images = integer_images(rng)
    unit, byte = (0, 1), (0, 255)

    def run(images, value_range):
        layer = LAYERS[name](value_range=value_range, seed=3)
        return to_numpy(layer(images))

    expected = run(images / 255, unit)
    assert expected.dtype == "float32"
    assert 0 <= expected.min() and expected.max() <= 1
    for actual in (
        run(images, unit),
        run(keras.ops.convert_to_tensor(images), unit),
        run(images, byte) / 255,
        run(images.astype("float32"), byte) / 255,
    ):
        np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["crop", "flip"])
def test_integers_are_converted_at_inference(name, rng):
    images = integer_images(rng)
    for value_range, scale in (((0, 1), 255), ((0, 255), 1)):
        layer = LAYERS[name](value_range=value_range)
        np.testing.assert_allclose(
            to_numpy(layer(images, training=False)),
            to_numpy(layer(images / scale, training=False)),
            rtol=1e-5,
        )


@pytest.mark.one_case
@every_layer
def test_one_image_is_a_batch_of_one(name, rng):
    images = rng.random((1, 16, 14, 3))
    batched = LAYERS[name](seed=3)(images)
    single = LAYERS[name](seed=3)(images[0])
    assert len(single.shape) == 3
    np.testing.assert_array_equal(to_numpy(batched)[0], to_numpy(single))


@pytest.mark.one_case
@every_layer
def test_mixed_precision(name, rng):
    images = integer_images(rng)
    full = to_numpy(LAYERS[name](seed=3)(images))
    low = LAYERS[name](seed=3, dtype="mixed_bfloat16")(images)
    assert keras.backend.standardize_dtype(low.dtype) == "bfloat16"
    low = to_numpy(keras.ops.cast(low, "float32"))
    # Solarization jumps at its threshold, which few values come close to.
    close = np.isclose(low, full, atol=2**-8)
    assert close.mean() > 0.99


@pytest.mark.one_case
@every_layer
def test_inside_tf_data(name, rng):
    tf = tensorflow_or_skip()
    images = integer_images(rng)
    layer = LAYERS[name]()
    size = (12, 10) if name == "crop" else (16, 14)
    dataset = tf.data.Dataset.from_tensor_slices(images).map(layer).batch(4)
    batches = [batch.numpy() for batch in dataset]
    assert [b.shape for b in batches] == [(4, *size, 3), (2, *size, 3)]
    assert all(b.dtype == "float32" for b in batches)
    assert all(0 <= b.min() and b.max() <= 1 for b in batches)
    # Each pass over the data draws anew.
    assert any(
        not np.array_equal(again.numpy(), batch)
        for again, batch in zip(dataset, batches, strict=True)
    )


@pytest.mark.one_case
@pytest.mark.parametrize("batched", [True, False])
def test_inside_tf_data_with_unknown_sizes(batched, rng):
    tf = tensorflow_or_skip()
    images = integer_images(rng)
    sample = images if batched else images[0]
    spec = tf.TensorSpec((None,) * (sample.ndim - 1) + (3,), tf.uint8)
    dataset = tf.data.Dataset.from_generator(
        lambda: iter([sample, sample]), output_signature=spec
    )
    # The crop last: before it the sizes stay unknown.
    pipeline = keras.layers.Pipeline([f() for f in reversed(LAYERS.values())])
    for augmented in dataset.map(pipeline):
        assert augmented.shape == (*sample.shape[:-3], 12, 10, 3)
        assert 0 <= augmented.numpy().min()
        assert 0.02 < augmented.numpy().max() <= 1
    resized = dataset.map(lambda x: pipeline(x, training=False))
    np.testing.assert_allclose(
        next(iter(resized)).numpy(),
        to_numpy(pipeline(sample, training=False)),
        atol=1e-5,
    )


@pytest.mark.one_case
@every_layer
def test_symbolic_shape_and_config(name):
    layer = LAYERS[name](seed=5, value_range=(0, 255), name="it")
    for shape in ((None, 16, 14, 3), (2, None, None, 3), (16, 14, 3)):
        spec = layer.compute_output_spec(keras.KerasTensor(shape))
        height, width = (12, 10) if name == "crop" else (shape[-3], shape[-2])
        assert spec.shape == (*shape[:-3], height, width, 3)
    config = layer.get_config()
    assert config["seed"] == 5 and config["value_range"] == (0, 255)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(copy) is type(layer)
    if name != "apply":
        assert copy.get_config() == config


@pytest.mark.one_case
@every_layer
def test_model_file_keeps_the_random_state(name, rng, tmp_path):
    images = rng.random((6, 16, 14, 3))
    inputs = keras.Input((16, 14, 3))
    model = keras.Model(inputs, LAYERS[name]()(inputs))
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        to_numpy(restored(images, training=True)),
        to_numpy(model(images, training=True)),
    )


def test_files_without_random_state_load():
    layer = layers.RandomFlip(seed=3)
    layer.load_own_variables({})
    assert layer.generator.state_to_numpy().tolist() == [3, 0]


@pytest.mark.one_backend
@every_layer
@pytest.mark.parametrize("shape", [(16, 14), (1, 2, 16, 14, 3)])
def test_wrong_rank(name, shape):
    with pytest.raises(ValueError, match="expects images of shape"):
        LAYERS[name]()(np.zeros(shape))


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ["jitter", "grayscale"])
@pytest.mark.parametrize("channels", [1, 4])
def test_wrong_channels(name, channels):
    with pytest.raises(ValueError, match="RGB"):
        LAYERS[name]()(np.zeros((2, 8, 8, channels)))
    with pytest.raises(ValueError, match="RGB"):
        LAYERS[name]()(keras.Input((8, 8, channels)))


@pytest.mark.one_backend
@every_layer
def test_wrong_value_range(name):
    with pytest.raises(ValueError, match="value_range"):
        LAYERS[name](value_range=(-1, 1))


class Augmenting(keras.Model):
    """Augments in `predict`, which compiles the model."""

    def __init__(self):
        super().__init__()
        self.augmenters = [make() for make in LAYERS.values()]

    def call(self, images):
        for layer in self.augmenters:
            images = layer(images, training=True)
        return images


def test_compiled(rng):
    model = Augmenting()
    # PyTorch takes half a minute to compile and has nothing to trace.
    jit = keras.backend.backend() != "torch"
    model.compile(jit_compile=jit)
    images = integer_images(rng)
    first = model.predict(images, batch_size=3, verbose=0)
    second = model.predict(images, batch_size=3, verbose=0)
    assert model.jit_compile == jit
    assert first.shape == (6, 12, 10, 3)
    assert 0 <= first.min() and first.max() <= 1
    assert not np.allclose(first, second)


def test_jit_stays_available():
    model = Augmenting()
    model.compile()
    assert all(layer.supports_jit for layer in model._flatten_layers())
    if keras.backend.backend() == "jax":
        assert model.jit_compile
