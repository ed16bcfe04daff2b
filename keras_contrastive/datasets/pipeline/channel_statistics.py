"""The range, mean and variance of each channel of a data set."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.channel_selection import check_channels
from keras_contrastive.datasets.files.channel_selection import check_finite
from keras_contrastive.datasets.files.channel_selection import check_value_range
from keras_contrastive.datasets.files.channel_selection import count_channels
from keras_contrastive.datasets.files.channel_selection import select_channels
from keras_contrastive.datasets.files.pixel_reader import scale_to_unit
from keras_contrastive.datasets.files.stored_pixels import read_stored
from keras_contrastive.datasets.pipeline.image_dataset import image_sequence
from keras_contrastive.datasets.pipeline.load_image_text import (
    PROGRESS_BAR_FROM,
)
from keras_contrastive.datasets.pipeline.records import as_image_record
from keras_contrastive.datasets.pipeline.records import describe
from keras_contrastive.datasets.pipeline.records import take_record
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_interval
from keras_contrastive.validation import check_rate

PIXELS = 64 * 64  # maximum number of sampled pixels per image


class ChannelStatistics(NamedTuple):
    """The result of `channel_statistics`.

    Attributes:
        low: Float64 array, shape `(channels,)`: the values mapped to 0.
        high: Float64 array, shape `(channels,)`: the values mapped to 1.
        mean: Float64 array, shape `(channels,)`, of the values in [0, 1].
        variance: Float64 array, shape `(channels,)`, of the values in [0, 1].
        num_images: Int, the number of images that were read.

    Example:
        ```python
        import numpy as np
        import keras_contrastive as kc

        images = np.random.default_rng(0).normal(size=(20, 16, 16, 5))
        statistics = kc.datasets.channel_statistics(images, channels=5)
        low, high = statistics.value_range
        print(low.round(1), high.round(1), statistics.num_images)
        ```
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    num_images: int

    @property
    def value_range(self) -> tuple[np.ndarray, np.ndarray]:
        """`(low, high)`, the argument of `ImageDataset` and others."""
        return self.low, self.high


def channel_statistics(
    images: str | os.PathLike | Sequence,
    channels: int | Sequence[int],
    value_range: Any = None,
    percentiles: tuple[float, float] = (1, 99),
    max_images: int = 1000,
    seed: int = 0,
    max_bad_fraction: float = 0.01,
    verbose: bool = True,
) -> ChannelStatistics:
    """Finds the range of each channel, and its mean and variance.

    `ImageDataset` and `load_image_text` need the range to read pixels that are
    not uint8. Percentiles exclude the few extremely bright pixels. Mean and
    variance are computed after the values are mapped to [0, 1] and clipped, for
    a `keras.layers.Normalization` at the front of an encoder.

    Reads up to `max_images` images, drawn at random, in one thread per core,
    without converting colors. From images of more than 4,096 pixels, 4,096 are
    drawn at random, so that all images have equal weight. Images that cannot be
    read, or have NaN or infinite values, are left out and named in a warning.

    Args:
        images: A folder or a sequence of images, as for `ImageDataset`.
        channels: Int, the number of channels that each image must have; or the
            indices of the channels to read, in this order.
        value_range: Pair (low, high), if the range is known: then only mean and
            variance are computed from the images. `(0, 255)` for uint8.
        percentiles: Pair of floats in [0, 100]: the percentiles of a channel's
            values that are mapped to 0 and 1.
        max_images: Int, at least 1.
        seed: Int, not negative.
        max_bad_fraction: Float, the largest fraction of images that may be
            unreadable.
        verbose: Whether to show a progress bar for 500 images or more.

    Returns:
        A `ChannelStatistics`, with `value_range`, `mean` and `variance`.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
        ValueError: If an argument is invalid, too many images cannot be read,
            or a channel has the same value at both percentiles.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    images = np.random.default_rng(0).normal(200, 40, (20, 16, 16, 5))
    statistics = kc.datasets.channel_statistics(images, channels=5)
    dataset = kc.datasets.ImageDataset(
        images, 10, 16, channels=5, value_range=statistics.value_range
    )
    encoder = keras.Sequential(
        [
            keras.Input((16, 16, 5)),
            keras.layers.Normalization(
                mean=statistics.mean, variance=statistics.variance
            ),
            kc.models.ConvNet(8, 2, (16, 16, 5)),
        ]
    )
    print(encoder.predict(dataset, verbose=0).shape)
    ```
    """
    channels = check_channels(channels)
    value_range = check_value_range(value_range, count_channels(channels))
    percentiles = _check_percentiles(percentiles)
    max_images = check_int("max_images", max_images, 1)
    seed = check_int("seed", seed, 0)
    max_bad_fraction = check_rate("max_bad_fraction", max_bad_fraction)
    images = image_sequence(images, arrays=True)
    if not len(images):
        raise ValueError("`images` must hold at least one image. Received: 0")
    order = np.random.default_rng(seed).permutation(len(images))[:max_images]
    bad_records = BadRecords(
        "images cannot be read", len(order), max_bad_fraction
    )

    def sample(index):
        record = None
        try:
            record = take_record(images, index, "images")
            image = as_image_record(record).image
            return _sample_pixels(image, channels, (seed, index))
        except (OSError, ValueError) as error:
            bad_records.add(describe(record, index, "images"), str(error)[:400])
            bad_records.check()
            return None

    progress = keras.utils.Progbar(
        len(order),
        verbose=int(verbose and len(order) > PROGRESS_BAR_FROM),
        unit_name="image",
    )
    samples, done = [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for pixels in pool.map(sample, map(int, order)):
                done += 1
                progress.update(done)
                if pixels is not None:
                    samples.append(pixels)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    bad_records.warn("They are left out.")
    values = np.concatenate(samples)
    low, high = value_range or _percentiles(values, percentiles)
    scaled = [
        scale_to_unit(values[:, channel], low[channel], high[channel])
        for channel in range(values.shape[1])
    ]
    return ChannelStatistics(
        low,
        high,
        np.array([np.mean(each) for each in scaled]),
        np.array([np.var(each) for each in scaled]),
        len(samples),
    )


def _sample_pixels(image, channels, seed):
    """An array of shape `(pixels, channels)`, at most `PIXELS` of them."""
    pixels = select_channels(read_stored(image), channels)
    check_finite(pixels)
    pixels = pixels.reshape(-1, pixels.shape[-1])
    if len(pixels) <= PIXELS:
        return pixels
    generator = np.random.default_rng(seed)
    return pixels[generator.integers(len(pixels), size=PIXELS)]


def _percentiles(values, percentiles):
    """The low and the high value of each channel."""
    low, high = np.array(
        [
            np.percentile(channel.astype("float64"), percentiles)
            for channel in values.T
        ]
    ).T
    flat = np.flatnonzero(low == high)
    if len(flat):
        raise ValueError(
            f"The channels {flat.tolist()} of the images have the same value "
            f"at both percentiles, {low[flat].tolist()}. Widen `percentiles`, "
            "set `value_range`, or exclude them with `channels`. Received: "
            f"percentiles={percentiles}"
        )
    return low, high


def _check_percentiles(percentiles):
    low, high = check_interval("percentiles", percentiles, 0, 100)
    if low == high:
        raise ValueError(
            "`percentiles` must be two different numbers. "
            f"Received: percentiles={percentiles!r}"
        )
    return low, high
