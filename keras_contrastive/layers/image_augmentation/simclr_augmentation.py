"""The augmentations of the SimCLR paper."""

from keras_contrastive.layers.image_augmentation.image_pipeline import (
    ImagePipeline,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    check_preset,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    view_pipeline,
)
from keras_contrastive.validation import check_not_negative

STRENGTHS = {"cifar10": 0.5, "imagenet": 1.0}


def simclr_augmentation(
    preset: str,
    height: int,
    width: int,
    strength: float | None = None,
    value_range: tuple[int, int] = (0, 1),
    seed: int | None = None,
    channels: int = 3,
    rgb_channels: tuple[int, int, int] | None = None,
) -> ImagePipeline:
    """Builds the augmentation of SimCLR for one of its two datasets.

    It applies to each image, in this order: random resized crop; horizontal
    flip with probability 0.5; with probability 0.8, a color jitter of
    brightness, contrast and saturation `0.8 s` and hue `0.2 s`, at strength
    `s`; grayscale with probability 0.2; for `"imagenet"`, with probability 0.5,
    a Gaussian blur with sigma from U(0.1, 2) and a kernel of a tenth of the
    side.

    | preset | `s` | blur |
    |---|---|---|
    | `"cifar10"` | 0.5 | no |
    | `"imagenet"` | 1.0 | yes |

    The paper uses bicubic resizing; the default here is bilinear, which
    differs little.

    Args:
        preset: `"cifar10"` or `"imagenet"`.
        height: Integer, height of the views in pixels.
        width: Integer, width of the views in pixels.
        strength: Float, the strength `s` of the color jitter. `None` takes
            the preset's.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images and of
            the views. Integer images hold 0 to 255, or 0 to 65535 as uint16,
            and are converted to it.
        seed: Non-negative integer from which each layer's own seed is derived,
            or `None` for random seeds.
        channels: Integer, the number of channels. Defaults to 3.
        rgb_channels: Three indices, the places of red, green and blue among
            the channels, such as `(3, 2, 1)` for the bands of Sentinel-2.
            Without them, images of more or fewer than three channels keep
            their colors: brightness and contrast change, saturation and hue do
            not, and there is no grayscale.

    Returns:
        `ImagePipeline`, a `keras.layers.Pipeline`, that maps images of shape
        `(batch, any height, any width, channels)`, or one image, to float
        images of shape `(batch, height, width, channels)`. With
        `training=False` it only resizes.

    Raises:
        ValueError: The preset is unknown, or an argument is out of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.randint(0, 256, (4, 32, 32, 3)).astype("uint8")
    augment = kc.layers.simclr_augmentation("cifar10", 32, 32, seed=1)
    views = augment(images)
    print(views.shape)  # (4, 32, 32, 3)
    ```

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", appendices A and B.9.
    """
    check_preset(preset)
    if strength is None:
        strength = STRENGTHS[preset]
    return view_pipeline(
        height,
        width,
        seed,
        scale=(0.08, 1.0),
        jitter=simclr_jitter(strength),
        value_range=value_range,
        channels=channels,
        rgb_channels=rgb_channels,
        blur=0.5 if preset == "imagenet" else 0.0,
    )


def simclr_jitter(strength):
    """Strength of brightness, contrast, saturation and hue."""
    strength = check_not_negative("strength", strength)
    return tuple(strength * x for x in (0.8, 0.8, 0.8, 0.2))
