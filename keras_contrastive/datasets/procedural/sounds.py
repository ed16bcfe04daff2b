"""Procedural sounds with captions."""

from typing import NamedTuple

import numpy as np

from keras_contrastive.validation import check_int

SAMPLE_RATE = 8000
CHUNK = 64  # sounds that share a random stream
FACTORS = {
    "pitch": ("low", "middle", "high"),
    "contour": ("steady", "rising", "falling", "wavering"),
    "texture": ("pure", "buzzing", "noisy", "pulsed"),
    "loudness": ("even", "growing", "fading"),
}
# Frequencies in the middle of a sound, in Hz.
PITCHES = ((140, 220), (350, 520), (900, 1300))
NUM_HARMONICS = 5
TEMPLATES = (
    "a {pitch} {texture} tone{that}",
    "a {texture} sound of {pitch} pitch{that}",
    "{texture}, {pitch}, {contour}, {loudness}",
)
CONTOUR_WORDS = ("stays", "rises", "falls", "wavers")
LOUDNESS_WORDS = ("", " and grows louder", " and fades away")


class Sounds(NamedTuple):
    """The result of `sounds`.

    Attributes:
        signals: float32 array, shape `(n, length)`, values in [-1, 1].
        captions: Array of strings, shape `(n,)`.
        factors: Dict from the name of a factor to its indices, int64, shape
            `(n,)`.
        sample_rate: Int, values per second.
    """

    signals: np.ndarray
    captions: np.ndarray
    factors: dict[str, np.ndarray]
    sample_rate: int


def sounds(
    num_examples: int = 2000, length: int = 8000, seed: int = 0
) -> Sounds:
    """Procedural sounds: tones that differ in four factors, with captions.

    Each sound is a tone with a pitch, a contour, a texture, a loudness over
    time, a random phase and some background noise. A caption such as "a low
    buzzing tone that rises and fades away" names all four factors, in one of
    three sentence templates. There are 144 combinations.

    The sounds are computed, not downloaded. Example `i` depends only on `seed`,
    `length` and `i`: a larger `num_examples` continues the same sequence.

    | factor | values |
    |---|---|
    | `pitch` | low (140 to 220 Hz), middle (350 to 520), high (900 to 1300) |
    | `contour` | steady, rising (by about an octave), falling, wavering |
    | `texture` | pure, buzzing (with overtones), noisy, pulsed |
    | `loudness` | even, growing, fading |

    Args:
        num_examples: Int, at least 1.
        length: Int, number of values in a sound, at least 2000. There are 8000
            in a second.
        seed: Int, not negative. Different seeds give independent sounds: use
            one for training and another for testing.

    Returns:
        A named tuple with the fields `signals` (float32, shape
        `(num_examples, length)`), `captions` (strings, shape
        `(num_examples,)`), `factors` (a dict of int64 arrays of shape
        `(num_examples,)`, indices in the order of the table) and `sample_rate`,
        8000.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        ```python
        import keras_contrastive as kc

        data = kc.datasets.sounds(100, length=4000)
        print(data.signals.shape, data.captions[0])
        ```
    """
    num_examples = check_int("num_examples", num_examples, 1)
    length = check_int("length", length, 2000)
    seed = check_int("seed", seed, 0)
    parts = [
        _chunk(np.random.default_rng((seed, chunk)), length)
        for chunk in range(-(-num_examples // CHUNK))
    ]
    signals, captions, factors = zip(*parts, strict=True)
    return Sounds(
        signals=np.concatenate(signals)[:num_examples],
        captions=np.concatenate(captions)[:num_examples],
        factors={
            name: np.concatenate([each[name] for each in factors])[
                :num_examples
            ]
            for name in FACTORS
        },
        sample_rate=SAMPLE_RATE,
    )


def _chunk(rng, length):
    factors = {
        name: rng.integers(len(values), size=CHUNK)
        for name, values in FACTORS.items()
    }
    captions = _write_captions(
        factors, rng.integers(len(TEMPLATES), size=CHUNK)
    )
    return _synthesize(rng, factors, length), captions, factors


def _synthesize(rng, factors, length):
    """Computes the sounds from their factors, shape `(CHUNK, length)`."""

    def uniform(low, high):
        return rng.uniform(low, high, (CHUNK, 1))

    def of(values, name):
        """The value of a factor for each sound."""
        return np.stack([v + 0 * time for v in values], 1)[
            np.arange(CHUNK), factors[name]
        ]

    time = np.arange(length) / SAMPLE_RATE + np.zeros((CHUNK, 1))
    part = np.linspace(-0.5, 0.5, length)
    octaves = uniform(0.8, 1.2) * part
    waver = uniform(0.1, 0.15) * np.sin(
        2 * np.pi * (uniform(4, 7) * time + uniform(0, 1))
    )
    low, high = np.array(PITCHES)[factors["pitch"]].T[:, :, None]
    # Pitch is perceived on a logarithmic scale of frequency.
    pitch = low * (high / low) ** uniform(0, 1)
    frequency = pitch * 2 ** of((0, octaves, -octaves, waver), "contour")
    phase = np.cumsum(frequency, axis=1) / SAMPLE_RATE + uniform(0, 1)
    tone = np.sin(2 * np.pi * phase)
    noise = rng.normal(size=(CHUNK, length))
    pulses = np.sin(2 * np.pi * (uniform(8, 12) * time + uniform(0, 1))) > 0
    buzzing = factors["texture"] == FACTORS["texture"].index("buzzing")
    overtones = tone.copy()
    overtones[buzzing] = _overtones(phase[buzzing], frequency[buzzing])
    textures = (tone, overtones, 0.5 * (tone + noise), tone * pulses)
    loudness = (0.6, 0.65 + 0.7 * part, 0.65 - 0.7 * part)
    signals = of(textures, "texture") * of(loudness, "loudness")
    background = uniform(0.01, 0.05) * rng.normal(size=(CHUNK, length))
    signals = uniform(0.3, 0.6) * (signals + background)
    return np.clip(signals, -1, 1).astype("float32")


def _overtones(phase, frequency):
    """A tone with overtones below half of the sample rate."""
    return (
        sum(
            np.sin(2 * np.pi * k * phase)
            / k
            * (k * frequency < SAMPLE_RATE / 2)
            for k in range(1, NUM_HARMONICS + 1)
        )
        / 1.5
    )


def _write_captions(factors, templates):
    rows = zip(*(factors[name] for name in FACTORS), templates, strict=True)
    captions = []
    for *indices, template in rows:
        words = {
            name: values[index]
            for (name, values), index in zip(
                FACTORS.items(), indices, strict=True
            )
        }
        contour, loudness = indices[1], indices[3]
        that = f" that {CONTOUR_WORDS[contour]}{LOUDNESS_WORDS[loudness]}"
        captions.append(TEMPLATES[template].format(**words, that=that))
    return np.array(captions)
