import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.layers.patch_dictionary import dictionary
from keras_contrastive.layers.patch_dictionary import principal_components
from keras_contrastive.layers.patch_features import NUM_SAMPLES
from tests.models.helpers import to_numpy

SIZE, PATCH, STRIDES, GRID = 18, 4, 2, 3
SIZES = {
    "output_dim": 6,
    "num_patches": 5,
    "patch_size": PATCH,
    "strides": STRIDES,
    "grid_size": GRID,
}


@pytest.fixture(scope="module")
def images():
    return kc.datasets.shapes(24, image_size=SIZE, seed=0).images


@pytest.fixture(scope="module")
def adapted(images):
    layer = kc.layers.PatchFeatures(**SIZES)
    layer.adapt(images)
    return layer


def oracle(image, kernel, offset, center, components):
    """The features of one image, patch by patch."""
    count = (SIZE - PATCH) // STRIDES + 1
    maps = np.zeros((count, count, 2 * len(offset)))
    for y in range(count):
        for x in range(count):
            top, left = y * STRIDES, x * STRIDES
            patch = image[top : top + PATCH, left : left + PATCH]
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + 1e-3)
            r = np.einsum("yxc,yxck->k", patch, kernel) + offset
            maps[y, x] = np.maximum(np.concatenate([r, -r]) - 0.5, 0)
    features = []
    field = count // GRID
    # First of all similarities, then of their negatives.
    for signed in np.split(maps, 2, axis=-1):
        for y in range(GRID):
            for x in range(GRID):
                part = signed[y * field :, x * field :][:field, :field]
                features.append(np.sqrt(part.mean(axis=(0, 1)) + 1e-6))
    field = SIZE // (2 * GRID)
    for y in range(2 * GRID):
        for x in range(2 * GRID):
            part = image[y * field :, x * field :][:field, :field]
            features.append(part.mean(axis=(0, 1)))
    return (np.concatenate(features) - center) @ components


def test_is_the_sum_over_patches(adapted, images):
    weights = [
        to_numpy(getattr(adapted, name)).astype("float64")
        for name in ("kernel", "offset", "center", "components")
    ]
    some = images[:3].astype("float32") / 255
    expected = [oracle(image.astype("float64"), *weights) for image in some]
    np.testing.assert_allclose(to_numpy(adapted(some)), expected, atol=2e-4)
    # The mean of a patch, which is 0, is left out of the similarities.
    np.testing.assert_allclose(weights[0].mean(axis=(0, 1, 2)), 0, atol=1e-5)


@pytest.mark.one_case
@pytest.mark.parametrize("dtype, highest", [("uint8", 255), ("uint16", 65535)])
def test_integers_are_floats_of_their_range(adapted, images, dtype, highest):
    integers = (images[:2].astype("int32") * (highest // 255)).astype(dtype)
    expected = to_numpy(adapted((integers / highest).astype("float32")))
    np.testing.assert_allclose(to_numpy(adapted(integers)), expected, atol=1e-4)


@pytest.mark.one_backend
def test_is_channels_last_wherever_keras_is_not(adapted, images):
    expected = to_numpy(adapted(images[:2]))
    keras.config.set_image_data_format("channels_first")
    try:
        found = to_numpy(adapted(images[:2]))
    finally:
        keras.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.one_backend
def test_weights_before_adapt(images):
    layer = kc.layers.PatchFeatures(**SIZES)
    layer(images[:2])
    assert not layer.trainable_weights
    weights = {w.name: to_numpy(w) for w in layer.weights}
    assert list(weights) == ["kernel", "offset", "center", "components"]
    for name, value in weights.items():
        assert np.any(value) == (name in ("kernel", "components")), name


@pytest.mark.one_backend
def test_the_dictionary_is_the_patches_that_occur():
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(3, 16))
    patterns -= patterns.mean(axis=1, keepdims=True)
    # Also as negatives, which are in the same cluster.
    which = rng.integers(3, size=600)
    sign = rng.choice([-1, 1], p=[0.3, 0.7], size=600)
    patches = sign[:, None] * patterns[which]
    patches += 0.1 * rng.normal(size=patches.shape)
    patches -= patches.mean(axis=1, keepdims=True)
    kernel, offset = dictionary(patches.astype("float32"), 3, rng)
    similarities = np.abs(patterns @ kernel + offset)
    assert sorted(similarities.argmax(axis=1)) == [0, 1, 2]
    first, second = np.sort(similarities, axis=1)[:, :0:-1].T
    assert (first > 3 * second).all()
    # Projections of what is whitened onto vectors of norm 1.
    centered = patterns - patches.mean(axis=0)
    precision = np.linalg.inv(np.cov(patches.T) + 0.1 * np.eye(16))
    norms = np.sqrt(np.sum(centered @ precision * centered, axis=1))
    np.testing.assert_allclose(first, norms, rtol=0.05)
    mean = (patches @ kernel + offset).mean(axis=0)
    np.testing.assert_allclose(mean, 0, atol=1e-4)


@pytest.mark.one_backend
def test_a_dictionary_larger_than_the_patches():
    patches = np.random.default_rng(0).normal(size=(2, 9)).astype("float32")
    kernel, offset = dictionary(patches, 3, np.random.default_rng(0))
    assert kernel.shape == (9, 3) and offset.shape == (3,)
    assert np.isfinite(kernel).all()


@pytest.mark.one_backend
def test_the_offset_subtracts_the_mean_patch():
    rng = np.random.default_rng(0)
    # Most patches are near one pattern, so that the mean is far from 0.
    pattern = rng.normal(size=16)
    patches = 3 * pattern + rng.normal(size=(400, 16))
    patches = (patches - patches.mean(axis=1, keepdims=True)).astype("float32")
    kernel, offset = dictionary(patches, 4, rng)
    similarities = patches @ kernel + offset
    np.testing.assert_allclose(similarities.mean(axis=0), 0, atol=1e-3)
    # The clusters are those of the deviations from the mean.
    assert np.abs(similarities).max(axis=1).mean() > 1.2


@pytest.mark.one_backend
def test_components_beyond_the_rank_are_zero():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4, 30)).astype("float32")
    components = principal_components(rows - rows.mean(axis=0), 6, rng)
    assert components.shape == (30, 6)
    assert np.any(components[:, :3], axis=0).all()
    assert not np.any(components[:, 4:])


@pytest.mark.one_backend
def test_components_are_those_of_an_exact_decomposition():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 20)) @ rng.normal(size=(20, 30))
    rows = (rows - rows.mean(axis=0)).astype("float32")
    found = rows @ principal_components(rows, 5, rng)
    scaled = rows / rows.std(axis=0)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    deviation = singular[:5] / np.sqrt(80)
    expected = left[:, :5] * singular[:5] / (deviation + 0.5)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=2e-2)


@pytest.mark.one_backend
def test_adapt_learns_from_patches_and_from_their_features(images):
    layer = kc.layers.PatchFeatures(**SIZES)
    layer.adapt(images)
    pixels = images / np.float32(255)
    rng = np.random.default_rng(0)
    draws = [rng.integers(high, size=NUM_SAMPLES) for high in (24, 15, 15)]
    patches = np.array(
        [
            pixels[image, y : y + PATCH, x : x + PATCH].ravel()
            for image, y, x in zip(*draws, strict=True)
        ]
    )
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt(patches.var(axis=1, keepdims=True) + 1e-3)
    kernel, offset = dictionary(patches, 5, rng)
    np.testing.assert_allclose(
        to_numpy(layer.kernel), kernel.reshape(PATCH, PATCH, 3, 5), atol=1e-3
    )
    np.testing.assert_allclose(to_numpy(layer.offset), offset, atol=1e-3)
    kernel = to_numpy(layer.kernel)
    identity = np.eye(2 * 5 * GRID**2 + 3 * (2 * GRID) ** 2)
    rows = [oracle(x, kernel, offset, 0, identity) for x in pixels]
    center = np.mean(rows, axis=0)
    components = principal_components((rows - center).astype("float32"), 6, rng)
    np.testing.assert_allclose(
        to_numpy(layer(pixels)), (rows - center) @ components, atol=5e-3
    )


@pytest.mark.one_backend
def test_is_the_same_for_one_seed(adapted, images):
    again = kc.layers.PatchFeatures(**SIZES)
    again.adapt(images.astype("uint16") * 257)
    other = kc.layers.PatchFeatures(**SIZES)
    other.adapt(images, seed=1)
    kernels = [to_numpy(layer.kernel) for layer in (adapted, again, other)]
    np.testing.assert_allclose(kernels[0], kernels[1], atol=1e-4)
    assert np.abs(kernels[0] - kernels[2]).max() > 0.1


def test_is_saved_and_does_not_train(adapted, images, tmp_path):
    model = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), adapted, keras.layers.Dense(1)]
    )
    x = images.astype("float32") / 255
    before = [to_numpy(w) for w in adapted.weights]
    model.compile("sgd", "mse")
    model.fit(x, np.ones(len(x)), verbose=0)
    assert len(model.trainable_variables) == 2
    for old, new in zip(before, adapted.weights, strict=True):
        np.testing.assert_array_equal(old, to_numpy(new))
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        restored.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5
    )


@pytest.mark.one_backend
def test_gray_images_are_no_nan():
    layer = kc.layers.PatchFeatures(**SIZES)
    layer.adapt(np.full((8, SIZE, SIZE, 3), 128, "uint8"))
    assert np.isfinite(to_numpy(layer(np.zeros((2, SIZE, SIZE, 3))))).all()


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "shape, message",
    [
        ((None, None, 18, 3), "one size"),
        ((None, 18, 3), "one size"),
        ((None, 6, 18, 3), "large enough for a grid"),
    ],
)
def test_refuses_images(shape, message):
    with pytest.raises(ValueError, match=message):
        kc.layers.PatchFeatures(**SIZES)(keras.KerasTensor(shape))


@pytest.mark.one_backend
def test_refuses_few_images(images):
    with pytest.raises(ValueError, match=r"at least output_dim=6.*\(5, 18"):
        kc.layers.PatchFeatures(**SIZES).adapt(images[:5])
