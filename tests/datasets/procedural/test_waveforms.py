import numpy as np
import pytest

from keras_contrastive.datasets import waveforms

pytestmark = pytest.mark.one_backend


def test_shapes_and_classes():
    data = waveforms(300, length=100)
    assert data.signals.shape == (300, 100, 1)
    assert data.signals.dtype == "float32" and data.labels.dtype == "int64"
    assert set(data.labels) == set(range(len(data.class_names)))
    assert np.isfinite(data.signals).all()


def test_seeds():
    first, again, other = (waveforms(20, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.signals, again.signals)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.allclose(first.signals, other.signals)


def test_forms_are_periodic_and_differ():
    """Measured by the share of the power in the strongest frequency."""
    data = waveforms(3000, length=256)
    values = data.signals[..., 0] - data.signals[..., 0].mean(1, keepdims=True)
    power = np.abs(np.fft.rfft(values * np.hanning(256))) ** 2
    peak = power.argmax(axis=1)
    assert ((peak >= 3) & (peak <= 40)).mean() > 0.9
    share = {
        name: np.mean(
            (power.max(axis=1) / power.sum(axis=1))[data.labels == label]
        )
        for label, name in enumerate(data.class_names)
    }
    assert share["sine"] > share["square"] > share["pulses"]


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"num_examples": 0}, "num_examples"),
        ({"length": 10}, "length"),
        ({"seed": -1}, "seed"),
        ({"length": 64.5}, "length"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        waveforms(**arguments)
