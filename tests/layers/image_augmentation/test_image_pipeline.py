import keras
import numpy as np
import pytest

from keras_contrastive import layers
from tests.layers.image_augmentation.helpers import to_numpy


def pipeline_of(height, width, seed=7):
    return [
        layers.RandomResizedCrop(height, width, seed=seed),
        layers.RandomFlip(0.5, seed=seed + 1),
        layers.RandomColorJitter(
            0.8, 0.8, 0.8, 0.2, probability=0.8, seed=seed + 2
        ),
        layers.RandomGrayscale(0.3, seed=seed + 3),
        layers.RandomGaussianBlur(5, probability=0.5, seed=seed + 4),
        layers.RandomChannelDropout(0.3, probability=0.5, seed=seed + 5),
        layers.RandomGaussianNoise(probability=0.5, seed=seed + 6),
    ]


# Small images go through all layers as a batch, large ones one by one.
@pytest.mark.one_case
@pytest.mark.parametrize("size", [16, 160])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_equals_its_layers_in_a_row(size, dtype, rng):
    images = rng.random((6, 180, 190, 3))
    images = (images * 255 if dtype == "uint8" else images).astype(dtype)
    expected = to_numpy(keras.layers.Pipeline(pipeline_of(size, size))(images))
    actual = layers.ImagePipeline(pipeline_of(size, size))(images)
    assert tuple(actual.shape) == (6, size, size, 3)
    np.testing.assert_allclose(to_numpy(actual), expected, atol=1e-5)


@pytest.mark.one_backend
def test_an_empty_batch_of_large_images():
    views = layers.ImagePipeline(pipeline_of(16, 16))(
        np.zeros((0, 180, 190, 3))
    )
    assert tuple(views.shape) == (0, 16, 16, 3)


@pytest.mark.one_backend
@pytest.mark.parametrize("size", [16, 160])
def test_inside_tf_data(size, rng):
    tf = pytest.importorskip("tensorflow")
    images = rng.random((6, 180, 190, 3), dtype="float32")
    pipeline = layers.ImagePipeline(pipeline_of(size, size))
    batches = tf.data.Dataset.from_tensor_slices(images).batch(4).map(pipeline)
    views = np.concatenate([views.numpy() for views in batches])
    assert views.shape == (6, size, size, 3)
    rows = keras.layers.Pipeline(pipeline_of(size, size))
    expected = tf.data.Dataset.from_tensor_slices(images).batch(4).map(rows)
    expected = np.concatenate([views.numpy() for views in expected])
    np.testing.assert_allclose(views, expected, atol=1e-5)


@pytest.mark.one_backend
def test_images_of_unknown_size_inside_tf_data(rng):
    tf = pytest.importorskip("tensorflow")
    sizes = [(40, 50), (190, 200)]
    images = tf.data.Dataset.from_generator(
        lambda: (rng.random((*size, 3), dtype="float32") for size in sizes),
        output_signature=tf.TensorSpec((None, None, 3), "float32"),
    )
    pipeline = layers.ImagePipeline(pipeline_of(24, 32))
    assert [view.shape for view in images.map(pipeline)] == [(24, 32, 3)] * 2


def test_one_image_and_inference(rng):
    image = rng.random((20, 30, 3), dtype="float32")
    pipeline = layers.ImagePipeline(pipeline_of(16, 16))
    assert tuple(pipeline(image).shape) == (16, 16, 3)
    resize = layers.RandomResizedCrop(16, 16)
    np.testing.assert_allclose(
        to_numpy(pipeline(image, training=False)),
        to_numpy(resize(image, training=False)),
        atol=1e-6,
    )


def test_draws_anew_in_each_call(rng):
    images = rng.random((4, 20, 30, 3), dtype="float32")
    pipeline = layers.ImagePipeline(pipeline_of(16, 16))
    first, second = to_numpy(pipeline(images)), to_numpy(pipeline(images))
    assert np.abs(first - second).max() > 0.1


def test_survives_serialization(rng):
    images = rng.random((4, 20, 30, 3), dtype="float32")
    pipeline = layers.ImagePipeline(pipeline_of(16, 16))
    copy = layers.ImagePipeline.from_config(pipeline.get_config())
    np.testing.assert_allclose(
        to_numpy(copy(images)), to_numpy(pipeline(images)), atol=1e-6
    )


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [keras.layers.RandomFlip()],
        [layers.RandomApply(layers.RandomFlip(), 0.5)],
        [layers.RandomFlip(), layers.RandomFlip(value_range=(0, 255))],
    ],
)
def test_refuses_other_layers(wrong):
    with pytest.raises(ValueError, match="`layers` must be"):
        layers.ImagePipeline(wrong)
