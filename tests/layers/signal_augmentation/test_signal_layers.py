"""The augmentation layers of signals."""

import keras
import numpy as np
import pytest

from keras_contrastive import layers
from tests.layers.image_augmentation.helpers import to_numpy

LAYERS = {
    "crop": lambda **kwargs: layers.RandomSignalCrop(24, **kwargs),
    "jitter": lambda **kwargs: layers.RandomSignalJitter(0.5, **kwargs),
    "mask": lambda **kwargs: layers.RandomSignalMask((0.2, 0.5), **kwargs),
    "scale": lambda **kwargs: layers.RandomSignalScale(0.5, **kwargs),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def signals_of(rng, batch=6):
    return rng.normal(size=(batch, 40, 2)).astype("float32")


def transform(layer, signals, **transformation):
    convert = keras.ops.convert_to_tensor
    transformation = {name: convert(x) for name, x in transformation.items()}
    return to_numpy(layer.transform_signals(convert(signals), transformation))


@every_layer
def test_changes_signals_at_random_in_training_only(name, rng):
    signals = signals_of(rng)
    signals[:] = signals[0]
    layer = LAYERS[name](seed=1)
    first, second = to_numpy(layer(signals)), to_numpy(layer(signals))
    assert not np.allclose(first, second)
    assert not np.allclose(first, first[:1])
    unchanged = to_numpy(layer(signals, training=False))
    if name == "crop":
        assert first.shape == unchanged.shape == (6, 24, 2)
        np.testing.assert_array_equal(unchanged, unchanged[:1].repeat(6, 0))
    else:
        np.testing.assert_array_equal(unchanged, signals)


@pytest.mark.one_case
@every_layer
def test_one_signal_is_a_batch_of_one(name, rng):
    signals = signals_of(rng, 1)
    batched = to_numpy(LAYERS[name](seed=3)(signals))
    single = to_numpy(LAYERS[name](seed=3)(signals[0]))
    np.testing.assert_array_equal(batched[0], single)


@pytest.mark.one_case
@every_layer
def test_views_of_one_signal_and_of_a_batch(name, rng):
    signals = signals_of(rng)
    views = layers.MultiView(LAYERS[name]())
    length = 24 if name == "crop" else 40
    for x in (signals, signals[0]):
        first, second = map(to_numpy, views(x))
        assert first.shape == second.shape == (*x.shape[:-2], length, 2)
        assert not np.allclose(first, second)


@pytest.mark.one_case
@every_layer
def test_inside_tf_data(name, rng):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices(signals_of(rng))
    dataset = dataset.map(LAYERS[name]()).batch(4)
    batches = [batch.numpy() for batch in dataset]
    length = 24 if name == "crop" else 40
    assert [b.shape for b in batches] == [(4, length, 2), (2, length, 2)]
    assert not np.allclose(next(iter(dataset)).numpy(), batches[0])


@pytest.mark.one_case
@every_layer
def test_model_file_keeps_the_random_state(name, rng, tmp_path):
    signals = signals_of(rng)
    inputs = keras.Input((40, 2))
    model = keras.Model(inputs, LAYERS[name]()(inputs))
    model(signals, training=True)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    assert restored.output_shape == model.output_shape
    np.testing.assert_array_equal(
        to_numpy(restored(signals, training=True)),
        to_numpy(model(signals, training=True)),
    )


@pytest.mark.one_case
@every_layer
def test_config(name):
    layer = LAYERS[name](seed=5)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert copy.get_config() == layer.get_config()


@pytest.mark.one_backend
@every_layer
@pytest.mark.parametrize("shape", [(16,), (1, 2, 16, 2)])
def test_wrong_rank(name, shape):
    with pytest.raises(ValueError, match="expects signals of shape"):
        LAYERS[name]()(np.zeros(shape))


@pytest.mark.parametrize("start, size", [(0, 40), (3, 24), (10, 11), (39, 1)])
def test_crop_is_linear_interpolation(start, size, rng):
    signals = signals_of(rng, 1)
    actual = transform(
        layers.RandomSignalCrop(24), signals, start=[start], size=[size]
    )
    part = signals[0, start : start + size]
    if size <= 24:  # stretched: no antialiasing
        at = (np.arange(24) + 0.5) * size / 24 - 0.5
        for channel in range(2):
            expected = np.interp(at, np.arange(size), part[:, channel])
            np.testing.assert_allclose(
                actual[0, :, channel], expected, atol=1e-5
            )
    else:
        np.testing.assert_allclose(actual.mean(), part.mean(), atol=0.1)
        assert actual.std() < part.std()


def test_whole_signal_of_the_length_stays_as_it_is(rng):
    signals = signals_of(rng)
    whole = layers.RandomSignalCrop(40)(signals, training=False)
    np.testing.assert_allclose(to_numpy(whole), signals, atol=1e-6)


@pytest.mark.parametrize("scale", [(0.25, 0.75), (0.5, 0.5), (0.0, 1.0)])
@pytest.mark.parametrize("name", ["RandomSignalCrop", "RandomSignalMask"])
def test_stretches_lie_within_and_are_spread_evenly(name, scale):
    arguments = {"length": 24} if name == "RandomSignalCrop" else {}
    layer = getattr(layers, name)(scale=scale, seed=0, **arguments)
    drawn = layer.get_random_transformation(keras.ops.zeros((4000, 100, 1)))
    start, size = to_numpy(drawn["start"]), to_numpy(drawn["size"])
    low, high = 100 * scale[0], 100 * scale[1]
    smallest = max(low, name == "RandomSignalCrop")
    assert start.min() >= 0 and (start + size).max() <= 100
    assert smallest <= size.min() <= low + 1 and high - 1 <= size.max() <= high
    assert abs(size.mean() - (low + high) / 2) < 1.5
    # The middle of a stretch is the middle of the signal, on average.
    assert abs((start + size / 2).mean() - 50) < 1.5


def test_mask_fills_the_stretch_in_all_channels(rng):
    signals = signals_of(rng, 2)
    actual = transform(
        layers.RandomSignalMask(fill_value=7.0),
        signals,
        start=np.array([0, 10]),
        size=np.array([0, 5]),
    )
    np.testing.assert_array_equal(actual[0], signals[0])
    expected = signals[1].copy()
    expected[10:15] = 7.0
    np.testing.assert_array_equal(actual[1], expected)


def test_jitter_and_scale_have_their_standard_deviations():
    ones = np.ones((2000, 10, 2), "float32")
    noise = to_numpy(layers.RandomSignalJitter(0.3, seed=0)(ones)) - 1
    assert abs(noise.std() - 0.3) < 0.01 and abs(noise.mean()) < 0.01
    factor = to_numpy(layers.RandomSignalScale(0.3, seed=0)(ones))
    # One factor along a channel, another for the other channel.
    np.testing.assert_array_equal(factor, factor[:, :1].repeat(10, 1))
    assert not np.allclose(factor[..., 0], factor[..., 1])
    assert abs(factor.std() - 0.3) < 0.02 and abs(factor.mean() - 1) < 0.02


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: layers.RandomSignalCrop(0), "length"),
        (lambda: layers.RandomSignalCrop(8, scale=(0.5, 2)), "scale"),
        (lambda: layers.RandomSignalMask(scale=(0.5, 0.1)), "scale"),
        (lambda: layers.RandomSignalJitter(-0.1), "stddev"),
        (lambda: layers.RandomSignalScale(float("nan")), "stddev"),
    ],
)
def test_bad_arguments(make, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        make()
