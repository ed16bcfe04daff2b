import numpy as np
import pytest

from keras_contrastive.datasets import sounds
from keras_contrastive.datasets.procedural.sounds import FACTORS

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def data():
    return sounds(600, length=4000)


def chosen(data, **names):
    """Which sounds have the named values of factors."""
    is_chosen = np.ones(len(data.signals), bool)
    for factor, name in names.items():
        is_chosen &= data.factors[factor] == FACTORS[factor].index(name)
    return is_chosen


def spectrum(signals):
    """The power of the frequencies, one Hz apart."""
    return np.abs(np.fft.rfft(signals, 8000)) ** 2


def peak(signals):
    return spectrum(signals).argmax(axis=1)


def test_shapes_and_factors(data):
    assert data.signals.shape == (600, 4000)
    assert data.signals.dtype == "float32" and data.sample_rate == 8000
    assert np.abs(data.signals).max() <= 1
    assert np.abs(data.signals).std(axis=1).min() > 0.01
    assert data.captions.shape == (600,)
    for name, values in FACTORS.items():
        assert data.factors[name].dtype == "int64"
        assert set(data.factors[name]) == set(range(len(values)))


def test_captions_name_the_factors(data):
    words = {
        "contour": ("stay|steady", "ris", "fall", "waver"),
        "loudness": ("", "grow", "fad"),
    }
    for row, caption in enumerate(data.captions):
        for name, values in FACTORS.items():
            index = data.factors[name][row]
            forms = words.get(name, values)[index].split("|")
            assert any(form in caption for form in forms), caption
    assert len(set(data.captions)) > 200


def test_a_sequence_for_each_seed(data):
    again, more, other = sounds(3, 4000), sounds(70, 4000), sounds(3, 4000, 1)
    np.testing.assert_array_equal(again.signals, data.signals[:3])
    np.testing.assert_array_equal(more.captions, data.captions[:70])
    np.testing.assert_array_equal(more.signals, data.signals[:70])
    assert not np.allclose(again.signals, other.signals)


@pytest.mark.parametrize(
    "pitch, low, high",
    [("low", 139, 221), ("middle", 349, 521), ("high", 899, 1301)],
)
def test_pitch(data, pitch, low, high):
    pure = chosen(data, pitch=pitch, contour="steady", texture="pure")
    peaks = peak(data.signals[pure])
    assert pure.sum() > 5 and low <= peaks.min() and peaks.max() <= high


def test_contour_and_loudness(data):
    first, last = data.signals[:, :1000], data.signals[:, -1000:]
    octaves = np.log2(peak(last) / np.maximum(peak(first), 1))
    energy = np.log2((last**2).mean(axis=1) / (first**2).mean(axis=1))
    for contour, low, high in (("rising", 0.4, 1), ("falling", -1, -0.4)):
        pure = chosen(data, contour=contour, texture="pure")
        assert low < np.median(octaves[pure]) < high
    for loudness, sign in (("growing", 1), ("fading", -1)):
        steady = chosen(data, loudness=loudness) & ~chosen(
            data, texture="pulsed"
        )
        assert (sign * energy[steady] > 0.5).all()
    even = chosen(data, loudness="even") & ~chosen(data, texture="pulsed")
    assert np.abs(energy[even]).max() < 0.5


def test_texture(data):
    """The share of the power in the strongest frequencies."""
    steady = chosen(data, contour="steady")
    power = np.sort(spectrum(data.signals[steady]), axis=1)
    share = power[:, -20:].sum(axis=1) / power.sum(axis=1)
    median = {
        name: np.median(share[data.factors["texture"][steady] == index])
        for index, name in enumerate(FACTORS["texture"])
    }
    assert median["pure"] > median["buzzing"] > median["noisy"]
    assert median["pure"] > median["pulsed"]


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"num_examples": 0}, "num_examples"),
        ({"length": 100}, "length"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        sounds(**arguments)
