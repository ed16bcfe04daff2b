"""The augmentation layers of volumes."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from keras_contrastive import layers
from tests.layers.image_augmentation.helpers import to_numpy

LAYERS = {
    "crop": lambda **kwargs: layers.RandomVolumeCrop(6, 5, 4, **kwargs),
    "flip": lambda **kwargs: layers.RandomVolumeFlip(**kwargs),
    "intensity": lambda **kwargs: layers.RandomVolumeIntensity(**kwargs),
    "noise": lambda **kwargs: layers.RandomVolumeNoise((0.1, 0.5), **kwargs),
}
every_layer = pytest.mark.parametrize("name", LAYERS)
SHAPE = (8, 7, 6, 2)


def volumes_of(rng, batch=6):
    return rng.normal(3.0, 2.0, size=(batch, *SHAPE)).astype("float32")


def transform(layer, volumes, **transformation):
    convert = keras.ops.convert_to_tensor
    transformation = {name: convert(x) for name, x in transformation.items()}
    return to_numpy(layer.transform_volumes(convert(volumes), transformation))


@every_layer
def test_changes_volumes_at_random_in_training_only(name, rng):
    volumes = volumes_of(rng)
    volumes[:] = volumes[0]
    layer = LAYERS[name](seed=1)
    first, second = to_numpy(layer(volumes)), to_numpy(layer(volumes))
    assert not np.allclose(first, second)
    assert not np.allclose(first, first[:1])
    shape = (6, 5, 4, 2) if name == "crop" else SHAPE
    assert first.shape == (6, *shape)
    assert layer.compute_output_shape(volumes.shape) == first.shape
    unchanged = to_numpy(layer(volumes, training=False))
    assert unchanged.shape == (6, *shape)
    if name != "crop":
        np.testing.assert_array_equal(unchanged, volumes)


@pytest.mark.one_case
@every_layer
def test_one_volume_is_a_batch_of_one(name, rng):
    volumes = volumes_of(rng, 1)
    batched = to_numpy(LAYERS[name](seed=3)(volumes))
    single = to_numpy(LAYERS[name](seed=3)(volumes[0]))
    np.testing.assert_array_equal(batched[0], single)


@pytest.mark.one_case
@every_layer
def test_a_part_of_the_batch_is_changed_as_in_the_batch(name, rng):
    """As the microbatches of a step need it."""
    volumes = volumes_of(rng)
    layer = LAYERS[name](seed=1)
    drawn = layer.draw_transformation(volumes)
    whole = to_numpy(layer.transform(keras.ops.array(volumes), drawn))
    rows = {name: value[2:4] for name, value in drawn.items()}
    part = to_numpy(layer.transform(keras.ops.array(volumes[2:4]), rows))
    np.testing.assert_allclose(part, whole[2:4], rtol=1e-6, atol=1e-6)


@pytest.mark.one_case
@every_layer
def test_inside_tf_data(name, rng):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices(volumes_of(rng))
    dataset = dataset.map(LAYERS[name]()).batch(4)
    shape = (6, 5, 4, 2) if name == "crop" else SHAPE
    assert [b.shape for b in dataset] == [(4, *shape), (2, *shape)]


@pytest.mark.one_backend
@every_layer
@pytest.mark.parametrize("shape", [(8, 8, 2), (1, 1, 8, 8, 8, 2)])
def test_wrong_rank(name, shape):
    with pytest.raises(ValueError, match="expects volumes of shape"):
        LAYERS[name]()(np.zeros(shape))


def test_crop_is_trilinear_interpolation(rng):
    volumes = volumes_of(rng, 1)
    start, size = np.array([1, 2, 0]), np.array([4, 5, 3])
    layer = layers.RandomVolumeCrop(6, 5, 7)
    actual = transform(
        layer,
        volumes,
        start=start[None].astype("int32"),
        size=size[None].astype("int32"),
    )
    box = volumes[0, 1:5, 2:7, 0:3]
    at = np.meshgrid(
        *(
            (np.arange(output) + 0.5) * side / output - 0.5
            for side, output in zip(size, (6, 5, 7), strict=True)
        ),
        indexing="ij",
    )
    for channel in range(2):
        expected = ndimage.map_coordinates(
            box[..., channel], at, order=1, mode="nearest"
        )
        np.testing.assert_allclose(actual[0, ..., channel], expected, atol=1e-5)


def test_whole_volume_of_the_size_stays_as_it_is(rng):
    volumes = volumes_of(rng)
    whole = layers.RandomVolumeCrop(*SHAPE[:3])(volumes, training=False)
    np.testing.assert_allclose(to_numpy(whole), volumes, atol=1e-6)


def test_boxes_keep_proportions_and_are_spread_evenly():
    layer = layers.RandomVolumeCrop(4, 4, 4, scale=(0.2, 0.6), seed=0)
    shape = np.array([40, 60, 80])
    drawn = layer.get_random_transformation(keras.ops.zeros((2000, *shape, 1)))
    start, size = to_numpy(drawn["start"]), to_numpy(drawn["size"])
    assert start.min() >= 0 and ((start + size) <= shape).all()
    side = size / shape
    assert np.abs(side - side[:, :1]).max() < 0.03
    share = side.prod(axis=1)
    assert 0.18 < share.min() and share.max() < 0.63
    assert abs(share.mean() - 0.4) < 0.02
    middle = (start + size / 2) / shape
    assert np.abs(middle.mean(axis=0) - 0.5).max() < 0.02


def test_flips_are_mirrors_drawn_for_each_axis(rng):
    volumes = volumes_of(rng, 64)
    layer = layers.RandomVolumeFlip(axes=("depth", "width"), seed=2)
    drawn = layer.get_random_transformation(keras.ops.array(volumes))
    apply = to_numpy(drawn["apply"])
    assert (abs(apply.mean(axis=0) - 0.5) < 0.25).all()
    assert len({tuple(row) for row in apply}) == 4
    actual = transform(layer, volumes, apply=apply)
    for volume, (depth, width), flipped in zip(
        volumes, apply, actual, strict=True
    ):
        expected = volume[::-1] if depth else volume
        expected = expected[:, :, ::-1] if width else expected
        np.testing.assert_array_equal(flipped, expected)
    assert layers.RandomVolumeFlip(axes="height").axes == ("height",)


def test_intensity_is_the_formula(rng):
    volumes = volumes_of(rng, 2)
    contrast, brightness = np.float32([0.5, 1.5]), np.float32([-1.0, 0.25])
    actual = transform(
        layers.RandomVolumeIntensity(),
        volumes,
        contrast=contrast,
        brightness=brightness,
    )
    for volume, c, b, changed in zip(
        volumes, contrast, brightness, actual, strict=True
    ):
        mean, std = volume.mean(axis=(0, 1, 2)), volume.std(axis=(0, 1, 2))
        expected = mean + c * (volume - mean) + b * std
        np.testing.assert_allclose(changed, expected, rtol=1e-4, atol=1e-4)


def test_noise_has_the_drawn_strength():
    volumes = np.zeros((3, 20, 20, 20, 1), "float32")
    layer = layers.RandomVolumeNoise((0.0, 2.0), seed=4)
    drawn = layer.get_random_transformation(keras.ops.array(volumes))
    noise = to_numpy(layer.transform_volumes(keras.ops.array(volumes), drawn))
    stddev = to_numpy(drawn["stddev"])
    assert len(set(stddev)) == 3
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3, 4)), stddev, rtol=0.05)
    np.testing.assert_allclose(noise.mean(), 0, atol=0.05)


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: layers.RandomVolumeCrop(0, 4, 4), "depth"),
        (lambda: layers.RandomVolumeCrop(4, 4, 4, scale=(0.5, 2)), "scale"),
        (lambda: layers.RandomVolumeFlip(axes=("time",)), "axes"),
        (lambda: layers.RandomVolumeFlip(axes=()), "axes"),
        (lambda: layers.RandomVolumeFlip(2.0), "probability"),
        (lambda: layers.RandomVolumeIntensity((-1, 1)), "contrast"),
        (lambda: layers.RandomVolumeIntensity(brightness=1.0), "brightness"),
        (lambda: layers.RandomVolumeNoise((0.5, 0.1)), "stddev"),
    ],
)
def test_bad_arguments(make, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        make()
