"""The steps that the augmentations of the papers have in common."""

import warnings

import numpy as np

from keras_contrastive.layers.image_augmentation.image_pipeline import (
    ImagePipeline,
)
from keras_contrastive.layers.image_augmentation.random_color_jitter import (
    RandomColorJitter,
)
from keras_contrastive.layers.image_augmentation.random_flip import RandomFlip
from keras_contrastive.layers.image_augmentation.random_gaussian_blur import (
    RandomGaussianBlur,
)
from keras_contrastive.layers.image_augmentation.random_grayscale import (
    RandomGrayscale,
)
from keras_contrastive.layers.image_augmentation.random_resized_crop import (
    RandomResizedCrop,
)
from keras_contrastive.layers.image_augmentation.random_solarize import (
    RandomSolarize,
)
from keras_contrastive.layers.multi_crop import MultiCrop
from keras_contrastive.layers.multi_view import MultiView
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_rgb_channels

PRESETS = ("cifar10", "imagenet")


def view_pipeline(
    height,
    width,
    seed,
    *,
    scale,
    jitter,
    value_range,
    blur=0.0,
    solarize=0.0,
    channels=3,
    rgb_channels=None,
):
    """Crop, flip, color jitter, grayscale, blur and solarization.

    Args:
        height: Integer, height of the view in pixels.
        width: Integer, width of the view in pixels.
        seed: Integer or `None`, as in `derive_seeds`.
        scale: Pair of floats, the range of the crop's area.
        jitter: Strength of brightness, contrast, saturation and hue.
        value_range: `(0, 1)` or `(0, 255)`.
        blur: Probability of the Gaussian blur.
        solarize: Probability of solarization.
        channels: Integer, the number of channels.
        rgb_channels: Three indices of channels, or `None`.
    """
    seeds = derive_seeds(seed, 6)
    has_colors = has_colors_of(channels, rgb_channels)
    if not has_colors:
        brightness, contrast, _, _ = jitter
        jitter = brightness, contrast, 0.0, 0.0

    def shared():
        return {"value_range": value_range, "seed": next(seeds)}

    layers = [
        RandomResizedCrop(height, width, scale, **shared()),
        RandomFlip(0.5, **shared()),
        RandomColorJitter(
            *jitter, probability=0.8, rgb_channels=rgb_channels, **shared()
        ),
    ]
    gray = shared()  # drawn in any case, so that the seeds stay the same
    if has_colors:
        layers.append(RandomGrayscale(0.2, rgb_channels=rgb_channels, **gray))
    if blur:
        kernel_size = (odd(height / 10), odd(width / 10))
        layers.append(
            RandomGaussianBlur(kernel_size, probability=blur, **shared())
        )
    if solarize:
        layers.append(RandomSolarize(0.5, solarize, **shared()))
    return ImagePipeline(layers)


def with_local_views(global_views, local_view, num_local, sizes, local_sizes):
    """Makes the layer of all views, a `MultiCrop` or a global `MultiView`.

    Args:
        global_views: The augmenter of the global views, or a list of them.
        local_view: Function of the height and the width of local views that
            makes their augmenter.
        num_local: Integer, number of local views.
        sizes: Height and width of the global views in pixels.
        local_sizes: Those of the local views; `None` takes 3/7 of the global
            one.
    """
    if check_int("num_local", num_local, 0) == 0:
        return MultiView(global_views)
    names = "local_height", "local_width"
    height, width = (
        max(1, round(size * 3 / 7))
        if local_size is None
        else check_positive_int(name, local_size)
        for name, size, local_size in zip(
            names, sizes, local_sizes, strict=True
        )
    )
    return MultiCrop(global_views, local_view(height, width), num_local)


def has_colors_of(channels, rgb_channels):
    """Whether images have colors; warns if more than 3 channels have none.

    Args:
        channels: Integer, the number of channels.
        rgb_channels: Three indices of channels, or `None`.
    """
    channels = check_positive_int("channels", channels)
    rgb_channels = check_rgb_channels(rgb_channels, channels)
    if channels == 3 or rgb_channels is not None:
        return True
    if channels > 3:
        warnings.warn(
            f"Saturation, hue and grayscale are left out for images of "
            f"{channels} channels. If three of them are red, green and blue, "
            "name them: rgb_channels=(3, 2, 1).",
            stacklevel=4,
        )
    return False


def check_preset(preset):
    """Raises unless `preset` is one of `PRESETS`."""
    check_choice("preset", preset, PRESETS)


def derive_seeds(seed, count):
    """An iterator over `count` unrelated seeds."""
    if seed is None:
        return iter([None] * count)
    words = np.random.SeedSequence(check_int("seed", seed, 0)).generate_state(
        count
    )
    # Every backend's seed dtype holds 31 bits.
    return iter([int(word) >> 1 for word in words])


def odd(size):
    """The odd integer nearest to `size`, at least 1."""
    return 2 * int(size // 2) + 1
