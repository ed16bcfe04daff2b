"""Accuracy on images that are noisy, blurred or otherwise corrupted."""

import itertools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_contrastive import layers
from keras_contrastive.evaluation.checks import as_array
from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.checks import check_same_kind
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_positive_int

# At the five severities: the standard deviation of noise, the sigma of the blur
# minus the smallest sigma as a fraction of the image's shorter side, the
# factors of brightness, contrast and saturation, and the scale of the smaller
# image.
STRENGTHS = {
    "noise": (0.04, 0.06, 0.08, 0.12, 0.18),
    "blur": (0.003, 0.007, 0.012, 0.018, 0.024),
    "dark": (0.8, 0.6, 0.45, 0.3, 0.2),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "gray": (0.7, 0.5, 0.3, 0.1, 0.0),
    "pixels": (0.7, 0.5, 0.4, 0.3, 0.2),
}
SMALLEST_SIGMA = 0.3  # pixels
# Changed by brightness, contrast and saturation.
JITTERED = ("dark", "contrast", "gray")
CORRUPTIONS = tuple(STRENGTHS)
SEVERITIES = (1, 2, 3, 4, 5)


class CorruptionScores(NamedTuple):
    """The result of `corruption_accuracy`.

    Attributes:
        clean: Float, the accuracy on the unchanged images.
        accuracy: Dict from the name of a corruption to a dict from the
            severity to the accuracy.
        mean: Float, the mean of all accuracies but the clean one.

    Example:
        ```python
        import numpy as np
        from keras_contrastive.evaluation import corruption_accuracy

        images = np.repeat(np.arange(0, 256, 64, "uint8"), 192).reshape(
            4, 8, 8, 3
        )
        scores = corruption_accuracy(
            lambda x: x.mean(axis=(1, 2, 3)) > 100, images, [0, 0, 1, 1]
        )
        print(scores.clean, scores.accuracy["dark"])
        ```
    """

    clean: float
    accuracy: dict[str, dict[int, float]]
    mean: float


def corruption_accuracy(
    classify: Callable,
    images: Any,
    labels: Any,
    corruptions: Sequence[str] | None = None,
    severities: Sequence[int] = SEVERITIES,
    batch_size: int = 256,
    seed: int = 0,
    verbose: int = 0,
) -> CorruptionScores:
    """The accuracy of a classifier on images with increasing corruption.

    Test images resemble the training images more than images in use do. The
    accuracy on corrupted images distinguishes models with the same accuracy on
    clean images.

    | corruption | at severity 1 to 5 |
    |---|---|
    | `"noise"` | Gaussian, standard deviation 4 to 18 % of the range |
    | `"blur"` | Gaussian, sigma 0.3 pixels + 0.3 to 2.4 % of a side |
    | `"dark"` | brightness times 0.8 to 0.2 |
    | `"contrast"` | contrast times 0.75 to 0.15 |
    | `"gray"` | saturation times 0.7 to 0, of images of three channels |
    | `"pixels"` | resized to 70 to 20 % of each side, and back in squares |

    This package's layers make the corruptions. They resemble those of
    ImageNet-C and CIFAR-10-C but are not the same, so do not compare the
    accuracies with published ones.

    Args:
        classify: Function of a batch of images, of the dtype and shape of
            `images`, to the labels that it predicts, shape `(batch,)`:
            integers or strings as in `labels`, not probabilities.
        images: Array of shape `(n, height, width, channels)`: uint8, or floats
            in [0, 1].
        labels: Integers or strings, shape `(n,)`.
        corruptions: Names in the table. Defaults to all that the number of
            channels allows.
        severities: Ints from 1 to 5.
        batch_size: Int, number of images that `classify` receives at once.
        seed: Int below 2**31, the seed of the noise. With the same seed, two
            models see the same images.
        verbose: 0 is silent, 1 shows a progress bar.

    Returns:
        A `CorruptionScores`.

    Raises:
        ValueError: If images have another shape, dtype or range, labels do not
            match them, a name or a severity is not in the table, no name or
            severity is given, `"gray"` is given without three channels, `seed`
            is no such int, or `classify` does not return a label for each
            image.

    Example:

    ```python
    import keras_contrastive as kc

    data = kc.datasets.shapes(32, image_size=32, label="color")

    def reddest(images):
        return images[..., 0].mean((1, 2)) > images[..., 2].mean((1, 2))

    scores = kc.evaluation.corruption_accuracy(
        reddest, data.images, data.labels == 0, severities=[1, 5]
    )
    print(scores.clean, scores.accuracy["gray"])
    ```

    Reference:
        Hendrycks and Dietterich, 2019, Benchmarking Neural Network Robustness
        to Common Corruptions and Perturbations.
    """
    images = _as_images(images)
    labels = as_labels(labels, "labels", len(images))
    batch_size = check_positive_int("batch_size", batch_size)
    cases = _cases(corruptions, severities, images.shape[-1])
    if check_int("seed", seed, 0) >= 2**31:  # the range on every backend
        raise ValueError(f"`seed` must be below 2**31. Received: seed={seed}")
    progress = keras.utils.Progbar(1 + len(cases), verbose=verbose)

    def accuracy(corrupt):
        right = 0
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            own = labels[start : start + batch_size]
            name = "classify(images)"
            predicted = as_labels(classify(corrupt(batch)), name, len(batch))
            check_same_kind(own, predicted, ("labels", name))
            right += np.sum(predicted == own)
        progress.add(1)
        return float(right / len(images))

    clean = accuracy(lambda batch: batch)
    found: dict[str, dict[int, float]] = {name: {} for name, _ in cases}
    for name, severity in cases:
        corrupt = _make(name, severity, images, seed)
        found[name][severity] = accuracy(corrupt)
    every = [value for each in found.values() for value in each.values()]
    return CorruptionScores(clean, found, float(np.mean(every)))


def _cases(corruptions, severities, num_channels):
    """Pairs of the name of a corruption and a severity."""
    if corruptions is None:
        corruptions = [
            name for name in CORRUPTIONS if name != "gray" or num_channels == 3
        ]
    corruptions = check_list("corruptions", corruptions, "names")
    for name in corruptions:
        check_choice("corruptions", name, CORRUPTIONS)
    if "gray" in corruptions and num_channels != 3:
        raise ValueError(
            "`corruptions` must not have 'gray' without three channels. "
            f"Received: corruptions={corruptions} for {num_channels} channels"
        )
    severities = check_list("severities", severities, "integers")
    severities = [check_positive_int("severities", each) for each in severities]
    if not set(severities) <= set(SEVERITIES):
        raise ValueError(
            f"`severities` must be of 1 to {len(SEVERITIES)}. "
            f"Received: {severities}"
        )
    if not corruptions or not severities:
        raise ValueError(
            "`corruptions` and `severities` must not be empty. Received: "
            f"corruptions={corruptions}, severities={severities}"
        )
    return list(itertools.product(corruptions, severities))


def _as_images(images):
    images = as_array(images, "images")
    if images.ndim != 4 or not images.size:
        raise ValueError(
            "`images` must have the shape (n, height, width, channels). "
            f"Received: shape {images.shape}"
        )
    is_float = np.issubdtype(images.dtype, np.floating)
    if images.dtype != "uint8" and not (
        is_float and images.min() >= 0 and images.max() <= 1
    ):
        raise ValueError(
            "`images` must be uint8, or floats in [0, 1]. Received: "
            f"{images.dtype} from {images.min()} to {images.max()}"
        )
    return images


def _make(name, severity, images, seed):
    """Returns a function that corrupts a batch and keeps its dtype."""
    strength = STRENGTHS[name][severity - 1]
    height, width = images.shape[1:3]
    high = 255 if images.dtype == "uint8" else 1
    options = {"value_range": (0, high), "seed": seed, "dtype": "float32"}
    interval = (strength, strength)
    if name == "noise":
        layer = layers.RandomGaussianNoise(interval, **options)
    elif name == "blur":
        sigma = SMALLEST_SIGMA + strength * min(height, width)
        kernel_size = 2 * int(np.ceil(3 * sigma)) + 1
        layer = layers.RandomGaussianBlur(
            kernel_size, (sigma, sigma), **options
        )
    elif name in JITTERED:
        factors = [
            interval if name == each else (1.0, 1.0) for each in JITTERED
        ]
        layer = layers.RandomColorJitter(*factors, 0, **options)
    else:
        layer = _pixels(height, width, strength)

    def corrupt(batch):
        outputs = keras.ops.convert_to_numpy(layer(batch.astype("float32")))
        if batch.dtype == "uint8":
            outputs = np.round(outputs)
        return outputs.clip(0, high).astype(batch.dtype)

    return corrupt


def _pixels(height, width, strength):
    small = max(1, round(strength * height)), max(1, round(strength * width))
    options = {"data_format": "channels_last", "dtype": "float32"}
    return keras.Sequential(
        [
            keras.layers.Resizing(*small, antialias=True, **options),
            keras.layers.Resizing(
                height, width, interpolation="nearest", **options
            ),
        ]
    )
