import keras
import numpy as np
import pytest

from keras_contrastive import layers
from tests.layers.image_augmentation.helpers import LAYERS
from tests.layers.image_augmentation.helpers import to_numpy


def augmenter(side=12):
    return keras.layers.Pipeline(
        [layers.RandomResizedCrop(side, side), layers.RandomFlip()]
    )


def test_views_are_independent(rng):
    images = rng.random((200, 16, 16, 3), dtype="float32")
    flips = layers.MultiView(layers.RandomFlip(seed=0))(images)
    assert isinstance(flips, list)
    first, second = (
        (to_numpy(view) != images).any(axis=(1, 2, 3)) for view in flips
    )
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.25
    assert abs((first == second).mean() - 0.5) < 0.15


@pytest.mark.one_backend
@pytest.mark.parametrize("num_views", [1, 3])
def test_number_of_views(num_views, rng):
    images = rng.random((4, 16, 14, 3))
    layer = layers.MultiView(augmenter(), num_views=num_views)
    views = [to_numpy(view) for view in layer(images)]
    assert [view.shape for view in views] == [(4, 12, 12, 3)] * num_views
    assert len(np.unique(np.round(views, 4), axis=0)) == num_views


@pytest.mark.one_case
@pytest.mark.parametrize(
    ("augmenter", "shape"),
    [
        (lambda: layers.RandomFlip(seed=1), (3, 4, 4, 1)),
        (lambda: layers.RandomSignalCrop(3, seed=1), (3, 5, 2)),
        (lambda: layers.RandomVolumeFlip(seed=1), (3, 2, 3, 4, 1)),
    ],
)
def test_nested_lists_are_arrays(augmenter, shape, rng):
    examples = rng.random(shape)
    for make in (augmenter, lambda: layers.MultiView(augmenter())):
        expected, actual = make()(examples), make()(examples.tolist())
        for one, other in zip(expected, actual, strict=True):
            np.testing.assert_allclose(
                to_numpy(one), to_numpy(other), atol=1e-6
            )


@pytest.mark.one_backend
def test_list_of_augmenters(rng):
    images = rng.random((4, 16, 14, 3))
    layer = layers.MultiView([augmenter(12), augmenter(8), augmenter(8)])
    assert layer.num_views == 3
    shapes = [tuple(view.shape) for view in layer(images)]
    assert shapes == [(4, 12, 12, 3), (4, 8, 8, 3), (4, 8, 8, 3)]
    assert layer.compute_output_shape((None, 16, 16, 3)) == [
        (None, 12, 12, 3),
        (None, 8, 8, 3),
        (None, 8, 8, 3),
    ]


@pytest.mark.one_backend
@pytest.mark.parametrize("as_list", [False, True])
def test_one_image(as_list, rng):
    layer = layers.MultiView([augmenter()] * 2 if as_list else augmenter())
    views = layer(rng.random((16, 14, 3)))
    assert [tuple(view.shape) for view in views] == [(12, 12, 3)] * 2


def test_inference_and_integers(rng):
    images = rng.integers(0, 256, (4, 12, 12, 3)).astype("uint8")
    views = layers.MultiView(augmenter())(images, training=False)
    for view in views:
        np.testing.assert_allclose(to_numpy(view), images / 255, atol=1e-6)


def test_augmenter_without_training_argument(rng):
    images = rng.random((4, 12, 12, 3))
    first, _ = layers.MultiView(keras.layers.Rescaling(2.0))(images)
    np.testing.assert_allclose(to_numpy(first), 2 * images, rtol=1e-6)


@pytest.mark.one_backend
@pytest.mark.parametrize("batched", [True, False])
def test_inside_tf_data(batched, rng):
    tf = pytest.importorskip("tensorflow")
    images = rng.integers(0, 256, (6, 16, 16, 3)).astype("uint8")
    layer = layers.MultiView(augmenter())
    dataset = tf.data.Dataset.from_tensor_slices(images)
    if batched:
        dataset = dataset.batch(6).map(lambda x: tuple(layer(x)))
    else:
        dataset = dataset.map(lambda x: tuple(layer(x))).batch(6)
    for first, second in dataset:
        assert first.shape == second.shape == (6, 12, 12, 3)
        assert 0.02 < first.numpy().max() <= 1
        assert not np.allclose(first, second)


@pytest.mark.one_backend
def test_symbolic_and_saved(rng, tmp_path):
    images = rng.random((4, 16, 14, 3))
    inputs = keras.Input((16, 14, 3))
    views = layers.MultiView(augmenter())(inputs)
    assert [view.shape for view in views] == [(None, 12, 12, 3)] * 2
    model = keras.Model(inputs, views)
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
def test_list_round_trip():
    layer = layers.MultiView([augmenter(12), augmenter(8)])
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert copy.num_views == 2
    assert copy.augmenter[1].layers[0].height == 8


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, name",
    [
        (("flip",), "augmenter"),
        (([],), "augmenter"),
        ((layers.RandomFlip(), 0), "num_views"),
        (([layers.RandomFlip()], 2), "num_views"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        layers.MultiView(*arguments)


@pytest.mark.one_backend
def test_wrong_rank():
    with pytest.raises(ValueError, match="expects images of shape"):
        layers.MultiView(layers.RandomFlip())(np.zeros((4, 4)))


PARTS = {
    **{name: make for name, make in LAYERS.items() if name != "apply"},
    "pipeline": lambda seed: layers.simclr_augmentation(
        "imagenet", 10, 12, seed=seed
    ),
    "one by one": lambda seed: layers.ImagePipeline(
        [
            layers.RandomResizedCrop(160, 150, seed=seed),
            layers.RandomFlip(seed=seed + 1),
        ]
    ),
    "list": lambda seed: [
        layers.RandomResizedCrop(8, 8, seed=seed),
        layers.RandomFlip(seed=seed + 1),
    ],
}
COMPOSED = ["pipeline", "one by one", "list"]


@pytest.mark.one_case
@pytest.mark.parametrize(
    "name, dtype",
    [
        *[(name, "uint8") for name in COMPOSED],
        *[
            pytest.param(name, dtype, marks=pytest.mark.one_backend)
            for name, dtype in [
                ("flip", "uint16"),
                ("flip", "float32"),
                *[(name, "uint8") for name in PARTS if name not in COMPOSED],
            ]
        ],
    ],
)
def test_parts_of_a_batch_are_those_of_a_call(name, dtype, rng):
    whole = layers.MultiView(PARTS[name](seed=3))
    in_parts = layers.MultiView.from_config(whole.get_config())
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    images = (scale * rng.random((6, 16, 12, 3))).astype(dtype)
    if keras.backend.backend() == "torch" and dtype == "uint16":
        import torch

        images = torch.from_numpy(images)  # Keras would make it int32
    else:
        images = keras.ops.convert_to_tensor(images)
    expected = [to_numpy(view) for view in whole(images)]
    assert in_parts.draws_first
    drawn = in_parts.draw_transformations(images)
    # Of one size, for which a backend compiles once.
    for rows in (slice(0, 2), slice(3, 5), slice(4, 6)):
        part = keras.tree.map_structure(lambda x, r=rows: x[r], drawn)
        views = in_parts.transform(images[rows], part)
        for view, whole_view in zip(views, expected, strict=True):
            np.testing.assert_allclose(
                to_numpy(view), whole_view[rows], atol=1e-6
            )


@pytest.mark.one_backend
def test_layers_that_draw_late_have_no_parts():
    class Changed(layers.RandomFlip):
        def call(self, images, training=True):
            return images

    blur = layers.RandomApply(layers.RandomGaussianBlur(3), 0.5)
    for augmenter_ in (blur, Changed(), augmenter(), keras.layers.Identity()):
        assert not layers.MultiView(augmenter_).draws_first
    assert not layers.MultiView([layers.RandomFlip(), blur]).draws_first
