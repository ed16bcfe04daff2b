import keras
import numpy as np
import pytest

from keras_contrastive import layers
from tests.layers.image_augmentation.helpers import to_numpy


def crops(as_list=True):
    augmenter = layers.RandomResizedCrop(12, 12, scale=(0.4, 1.0), seed=1)
    if as_list:
        augmenter = [augmenter, layers.RandomResizedCrop(12, 12, seed=2)]
    local = layers.RandomResizedCrop(6, 8, scale=(0.1, 0.4), seed=3)
    return layers.MultiCrop(augmenter, local, num_local=3)


SHAPES = [(12, 12, 3)] * 2 + [(6, 8, 3)] * 3


@pytest.mark.one_backend
@pytest.mark.parametrize("as_list", [False, True])
def test_global_views_come_first(as_list, rng):
    images = rng.random((4, 16, 14, 3))
    layer = crops(as_list)
    assert (layer.num_global, layer.num_local, layer.num_views) == (2, 3, 5)
    views = layer(images)
    assert [tuple(v.shape) for v in views] == [(4, *s) for s in SHAPES]
    assert len(np.unique([to_numpy(v).mean() for v in views])) == 5
    assert [tuple(v.shape) for v in layer(images[0])] == SHAPES
    assert layer.compute_output_shape((None, 16, 14, 3)) == [
        (None, *s) for s in SHAPES
    ]
    symbolic = layer(keras.Input((16, 14, 3)))
    assert [v.shape for v in symbolic] == [(None, *s) for s in SHAPES]
    assert tuple(layer.prepare(images).shape) == (4, 12, 12, 3)


def test_parts_of_a_batch_are_those_of_a_call(rng):
    images = keras.ops.convert_to_tensor(
        rng.integers(0, 256, (6, 16, 14, 3)).astype("uint8")
    )
    expected = [to_numpy(view) for view in crops()(images)]
    layer = crops()
    assert layer.draws_first
    drawn = layer.draw_transformations(images)
    for rows in (slice(0, 4), slice(4, 6)):
        part = keras.tree.map_structure(lambda x, r=rows: x[r], drawn)
        views = layer.transform(images[rows], part)
        for view, whole in zip(views, expected, strict=True):
            np.testing.assert_allclose(to_numpy(view), whole[rows], atol=1e-6)
    late = layers.RandomApply(layers.RandomFlip(), 0.5)
    assert not layers.MultiCrop(layers.RandomFlip(), late).draws_first


def test_round_trip(rng, tmp_path):
    images = rng.random((4, 16, 14, 3)).astype("float32")
    inputs = keras.Input((16, 14, 3))
    model = keras.Model(inputs, crops()(inputs))
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    for actual, expected in zip(
        restored(images, training=True),
        model(images, training=True),
        strict=True,
    ):
        np.testing.assert_array_equal(to_numpy(actual), to_numpy(expected))


@pytest.mark.one_backend
def test_bad_arguments():
    flip = layers.RandomFlip()
    with pytest.raises(ValueError, match="`augmenter`.*Received"):
        layers.MultiCrop("crop", flip)
    with pytest.raises(ValueError, match="`local_augmenter`.*Received"):
        layers.MultiCrop(flip, [flip])
    with pytest.raises(ValueError, match="`num_local`.*Received"):
        layers.MultiCrop(flip, flip, 0)
