"""Procedural one-dimensional signals with labels."""

from typing import NamedTuple

import numpy as np

from keras_contrastive.validation import check_int


def sine(phase):
    return np.sin(2 * np.pi * phase)


def triangle(phase):
    return 4 * np.abs(phase % 1 - 0.5) - 1


def square(phase):
    return np.sign(phase % 1 - 0.5)


def sawtooth(phase):
    return 2 * (phase % 1) - 1


def pulses(phase):
    return 2.0 * (phase % 1 < 0.2) - 1


def beats(phase):
    return sine(3 * phase) * sine(phase / 4)


FORMS = (sine, triangle, square, sawtooth, pulses, beats)


class Waveforms(NamedTuple):
    """The result of `waveforms`.

    Attributes:
        signals: float32 array, shape `(n, length, 1)`.
        labels: int64 array, shape `(n,)`: the waveform of each signal.
        class_names: Tuple of strings; `class_names[labels[i]]` is the waveform
            of example `i`.
    """

    signals: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]


def waveforms(
    num_examples: int = 4000, length: int = 256, seed: int = 0
) -> Waveforms:
    """Procedural signals: six periodic waveforms with noise, and labels.

    Sines, triangles, squares, sawtooths, pulses and beats with 4 to 12 periods,
    a random phase, an amplitude of 0.5 to 2, a slope and noise, as in the
    signal of a sensor. Two signals of the same waveform share few values, so
    that telling waveforms apart requires a learned representation.

    Args:
        num_examples: Int, at least 1.
        length: Int, number of values in a signal, at least 64.
        seed: Int, not negative. Different seeds give independent signals: use
            one for training and another for testing.

    Returns:
        A named tuple with the fields `signals` (float32, shape
        `(num_examples, length, 1)`), `labels` (int64, shape
        `(num_examples,)`) and `class_names`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        ```python
        import keras_contrastive as kc

        data = kc.datasets.waveforms(100, length=128)
        print(data.signals.shape, data.class_names[data.labels[0]])
        ```
    """
    num_examples = check_int("num_examples", num_examples, 1)
    length = check_int("length", length, 64)
    rng = np.random.default_rng(check_int("seed", seed, 0))

    def uniform(low, high):
        return rng.uniform(low, high, (num_examples, 1))

    labels = rng.integers(len(FORMS), size=num_examples)
    time = np.linspace(0, 1, length, endpoint=False)
    phase = uniform(4, 12) * time + uniform(0, 4)
    signals = np.empty((num_examples, length))
    for label, form in enumerate(FORMS):
        chosen = labels == label
        signals[chosen] = form(phase[chosen])
    height = 2 ** uniform(-1, 1)
    slope = uniform(-1, 1) * (time - 0.5) + uniform(-0.3, 0.3)
    noise = uniform(0.2, 0.8) * rng.normal(size=signals.shape)
    signals = height * (signals + noise) + slope
    return Waveforms(
        signals=signals[..., None].astype("float32"),
        labels=labels,
        class_names=tuple(form.__name__ for form in FORMS),
    )
