import numpy as np
import pytest
from keras import ops

from keras_contrastive.layers import RandomGaussianNoise
from keras_contrastive.layers.keyed_noise import as_key
from keras_contrastive.layers.keyed_noise import normal_noise
from keras_contrastive.trainer.keras_internals import DynamicBackend
from tests.layers.image_augmentation.helpers import apply
from tests.layers.image_augmentation.helpers import draw
from tests.layers.image_augmentation.helpers import to_numpy

KEYS = np.array([[0, 0], [0, 1], [1, 0], [2**23 - 1, 12345]], "int32")


def noise_of(keys, shape):
    keys = ops.convert_to_tensor(keys)
    return to_numpy(normal_noise(DynamicBackend(), keys, shape))


def mix(x):
    """A hash, in Python's integers."""
    x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
    x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
    return x ^ (x >> 16)


def test_noise_is_the_inverse_of_the_normal_distribution():
    """Its cumulative distribution is that of the hash, value by value."""
    from statistics import NormalDist

    noise = noise_of(KEYS, (2, 3, 5)).reshape(4, 30)
    for key, values in zip(KEYS.tolist(), noise, strict=True):
        for i, value in enumerate(values):
            start = (0x9E3779B9 * i + key[0]) % 2**32
            uniform = ((mix(start ^ mix(key[1])) >> 9) + 0.5) / 2**23
            expected = NormalDist().inv_cdf(uniform)
            np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_noise_is_normal_and_independent(rng):
    keys = rng.integers(0, 2**23, (16, 2)).astype("int32")
    keys[:4] = KEYS
    noise = noise_of(keys, (64, 64, 2))
    count = noise.size
    # Four standard errors of each moment.
    assert abs(noise.mean()) < 4 / count**0.5
    assert abs((noise**2).mean() - 1) < 4 * (2 / count) ** 0.5
    assert abs((noise**3).mean()) < 4 * (15 / count) ** 0.5
    assert abs((noise**4).mean() - 3) < 4 * (96 / count) ** 0.5
    assert 4 < np.abs(noise).max() < 5.4
    for neighbor in (
        noise[:, 1:] * noise[:, :-1],
        noise[..., 0] * noise[..., 1],
    ):
        assert abs(neighbor.mean()) < 4 / neighbor.size**0.5
    # Between images too, whose first keys differ by one or not at all.
    correlations = np.corrcoef(noise.reshape(16, -1)) - np.eye(16)
    assert np.abs(correlations).max() < 4.5 / (64 * 64 * 2) ** 0.5


def test_noise_of_an_image_does_not_depend_on_the_batch():
    noise = noise_of(KEYS, (4, 4, 3))
    np.testing.assert_array_equal(noise_of(KEYS[2:3], (4, 4, 3)), noise[2:3])


def test_highest_draw_is_a_key():
    draws = ops.convert_to_tensor([[0.0, np.float32(1 - 2**-24)]])
    keys = to_numpy(as_key(DynamicBackend(), draws))
    assert keys.tolist() == [[0, 2**23 - 1]]


@pytest.mark.parametrize("high", [1, 255])
def test_adds_noise_of_the_drawn_strength(high, rng):
    images = high * (0.4 + 0.2 * rng.random((4, 8, 8, 5), dtype="float32"))
    stddev = np.array([0.0, 0.02, 0.05, 0.05], "float32")
    actual = apply(
        RandomGaussianNoise(value_range=(0, high)),
        images,
        apply=np.array([True, True, True, False]),
        stddev=stddev,
        key=KEYS,
    )
    noise = noise_of(KEYS, (8, 8, 5))
    expected = images + high * stddev[:, None, None, None] * noise
    np.testing.assert_allclose(actual[:3], expected[:3], rtol=1e-5)
    np.testing.assert_array_equal(actual[3], images[3])


def test_clips_to_the_range():
    images = np.stack([np.zeros((16, 16, 2)), np.ones((16, 16, 2))])
    actual = apply(
        RandomGaussianNoise(),
        images,
        apply=np.array([True, True]),
        stddev=np.full(2, 0.3, "float32"),
        key=KEYS[:2],
    )
    assert actual.min() == 0 and actual.max() == 1
    # Half of the values are clipped.
    assert 0.4 < (actual[0] == 0).mean() < 0.6
    assert 0.4 < (actual[1] == 1).mean() < 0.6


def test_integers_keep_the_fractions_of_the_noise():
    images = np.full((2, 16, 16, 1), 100, "uint8")
    layer = RandomGaussianNoise((0.01, 0.01), value_range=(0, 255), seed=0)
    noisy = to_numpy(layer(images))
    assert abs(noisy.std() - 2.55) < 0.2
    assert np.abs(noisy - np.round(noisy)).mean() > 0.1


def test_distribution():
    layer = RandomGaussianNoise((0.1, 0.3), probability=0.25, seed=0)
    drawn = draw(layer, 4000)
    assert abs(drawn["apply"].mean() - 0.25) < 0.03
    assert 0.1 <= drawn["stddev"].min() and drawn["stddev"].max() <= 0.3
    quartiles = np.quantile(drawn["stddev"], (0.25, 0.5, 0.75))
    np.testing.assert_allclose(quartiles, (0.15, 0.2, 0.25), atol=0.01)
    assert drawn["key"].shape == (4000, 2)
    assert len(np.unique(drawn["key"])) > 7900


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"stddev": 0.1}, "stddev"),
        ({"stddev": (0.2, 0.1)}, "stddev"),
        ({"stddev": (0.0, 25.5)}, "stddev"),
        ({"probability": 2}, "probability"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        RandomGaussianNoise(**arguments)
