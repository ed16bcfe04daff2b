import zlib

import numpy as np
import pytest

from keras_contrastive.datasets import shapes
from keras_contrastive.datasets.procedural.shape_scenes import FACTORS
from keras_contrastive.datasets.procedural.shape_scenes import PALETTE

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def data():
    return shapes(2000, image_size=32)


def test_same_seed_gives_the_same_bytes():
    data = shapes(20, image_size=32, seed=3)
    again = shapes(20, image_size=32, seed=3)
    np.testing.assert_array_equal(data.images, again.images)
    np.testing.assert_array_equal(data.captions, again.captions)


def test_bytes_are_those_of_other_machines():
    # A new value means that users' data have changed.
    images = shapes(300, image_size=24).images
    assert zlib.crc32(images.tobytes()) == 3399252107


def test_other_seed_gives_other_scenes():
    first, second = shapes(50, 16, seed=0), shapes(50, 16, seed=1)
    assert not set(first.factors["x"]) & set(second.factors["x"])


@pytest.mark.parametrize("num_examples", [1, 100, 256, 300])
def test_examples_do_not_depend_on_how_many_there_are(num_examples):
    few, many = shapes(num_examples, 16), shapes(600, 16)
    np.testing.assert_array_equal(few.images, many.images[:num_examples])
    np.testing.assert_array_equal(few.captions, many.captions[:num_examples])
    for name, values in few.factors.items():
        np.testing.assert_array_equal(values, many.factors[name][:num_examples])


@pytest.mark.parametrize("image_size", [8, 33, 64, 400])
def test_shapes_and_dtypes(image_size):
    data = shapes(5, image_size)
    assert data.images.shape == (5, image_size, image_size, 3)
    assert data.images.dtype == np.uint8
    assert data.labels.shape == (5,) and data.labels.dtype == np.int64
    assert data.captions.shape == (5,) and data.captions.dtype.kind == "U"
    for name, values in data.factors.items():
        assert values.shape == (5,)
        assert values.dtype == (np.int64 if name in FACTORS else np.float32)


def test_image_size_changes_only_the_resolution():
    small, large = shapes(20, image_size=32), shapes(20, image_size=128)
    pooled = large.images.reshape(20, 32, 4, 32, 4, 3).mean(axis=(2, 4))
    np.testing.assert_array_equal(small.captions, large.captions)
    assert np.abs(small.images - pooled).mean() < 3


@pytest.mark.parametrize("label", FACTORS)
def test_labels_are_the_chosen_factor_and_balanced(label):
    data = shapes(2000, image_size=8, label=label)
    np.testing.assert_array_equal(data.labels, data.factors[label])
    assert data.class_names == FACTORS[label]
    counts = np.bincount(data.labels, minlength=len(data.class_names))
    expected = 2000 / len(data.class_names)
    # Five standard deviations of a binomial.
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))


def test_labels_can_be_changed_without_changing_the_factor():
    data = shapes(10, image_size=8)
    before = data.factors["shape"].copy()
    data.labels[:] = -1
    np.testing.assert_array_equal(data.factors["shape"], before)


def test_factors_are_independent(data):
    joint = np.zeros((8, 8))
    np.add.at(joint, (data.factors["shape"], data.factors["color"]), 1)
    assert joint.min() > 10
    assert np.all(data.factors["color"] != data.factors["background_color"])


def test_captions_agree_with_the_factors(data):
    nouns = {"striped": "stripes", "dotted": "dots", "checked": "checks"}
    for i, caption in enumerate(data.captions):
        words = caption.replace(",", "").split()
        value = {name: FACTORS[name][data.factors[name][i]] for name in FACTORS}
        assert value["shape"] in words
        assert words[words.index(value["shape"]) - 1] == value["color"]
        # No caption names another value, whichever factors the template omits.
        allowed = set(value.values()) | {nouns.get(value["texture"])}
        vocabulary = {v for values in FACTORS.values() for v in values}
        vocabulary |= set(nouns.values())
        assert set(words) & vocabulary <= allowed
        assert "a orange" not in caption and "  " not in caption


def test_several_captions_of_a_scene(data):
    count = len(data.captions)
    several = shapes(count, image_size=8, captions_per_image=6).captions
    assert several.shape == (count, 6)
    np.testing.assert_array_equal(several[:, 0], shapes(count, 8).captions)
    assert all(len(set(captions)) == 6 for captions in several)
    # All name the scene's shape.
    names = [FACTORS["shape"][label] for label in shapes(count, 8).labels]
    for captions, name in zip(several, names, strict=True):
        assert all(name in caption for caption in captions)


def test_captions_name_every_factor_somewhere(data):
    text = " ".join(data.captions)
    for values in FACTORS.values():
        for value in values:
            assert f"{value} " in text
    assert len(set(data.captions)) > 1000


def center_colors(images, factors, radii):
    """Mean color of the pixels from `radii[0]` to `radii[1]` off center."""
    size = images.shape[1]
    grid = (np.arange(size) + 0.5) / size - 0.5
    x = grid[None, None, :] - factors["x"][:, None, None]
    y = grid[None, :, None] - factors["y"][:, None, None]
    distance = np.hypot(x, y) / factors["radius"][:, None, None]
    inside = (distance >= radii[0]) & (distance < radii[1])
    total = (images * inside[..., None]).sum(axis=(1, 2))
    return total / inside.sum(axis=(1, 2))[:, None]


def nearest_hue(colors):
    """Index of the palette's color of the most similar hue and saturation."""
    palette = np.array(list(PALETTE.values()))

    def chromaticity(c):
        return c / np.linalg.norm(c, axis=-1, keepdims=True)

    return (chromaticity(colors) @ chromaticity(palette).T).argmax(axis=1)


def test_shape_and_background_show_their_colors():
    data = shapes(600, image_size=48)
    factors = data.factors
    ring = factors["shape"] == FACTORS["shape"].index("ring")
    plain = factors["texture"] == FACTORS["texture"].index("plain")
    inner = center_colors(data.images, factors, (0, 0.4))
    rim = center_colors(data.images, factors, (0.6, 0.85))
    shape_colors = np.where(ring[:, None], rim, inner)
    hits = nearest_hue(shape_colors) == factors["color"]
    assert hits[plain].mean() > 0.97
    assert hits.mean() > 0.8
    outer = center_colors(data.images, factors, (1.5, 9))
    assert np.mean(nearest_hue(outer) == factors["background_color"]) > 0.8
    # The ring's hole shows the background.
    holes = nearest_hue(inner[ring]) == factors["background_color"][ring]
    assert holes.mean() > 0.8


def test_textures_differ_in_contrast():
    data = shapes(600, image_size=48)
    textured = []
    for image, x, y in zip(
        data.images, data.factors["x"], data.factors["y"], strict=True
    ):
        row, column = (int(48 * (0.5 + value)) for value in (y, x))
        patch = image[row - 2 : row + 3, column - 2 : column + 3]
        textured.append(patch.astype(float).std(axis=(0, 1)).max())
    ring = data.factors["shape"] == FACTORS["shape"].index("ring")
    medians = [
        np.median(np.array(textured)[~ring & (data.factors["texture"] == kind)])
        for kind in range(4)
    ]
    assert medians[0] < 5
    assert min(medians[1:]) > 15


def test_raw_pixels_do_not_tell_the_shape():
    train, test = shapes(1000, 16, seed=0), shapes(300, 16, seed=1)
    x, y = (d.images.reshape(len(d.images), -1) / 255 for d in (train, test))
    distances = (x**2).sum(axis=1) - 2 * y @ x.T
    nearest = train.labels[distances.argmin(axis=1)]
    assert np.mean(nearest == test.labels) < 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"num_examples": 0},
            "`num_examples` .* positive integer.*num_examples=0",
        ),
        ({"num_examples": 2.5}, "`num_examples` .* integer.*2.5"),
        ({"image_size": 4}, "`image_size` .* at least 8.*image_size=4"),
        ({"image_size": (32, 32)}, "`image_size` .* integer"),
        ({"seed": -1}, "`seed` .* of 0 or more.*seed=-1"),
        ({"seed": None}, "`seed` .* integer.*None"),
        ({"label": "x"}, "`label` must be one of 'shape', 'color'.*'x'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        shapes(**arguments)
