"""The augmentations of the BYOL paper."""

from keras_contrastive.layers.image_augmentation.view_pipeline import (
    check_preset,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    derive_seeds,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    view_pipeline,
)
from keras_contrastive.layers.multi_view import MultiView
from keras_contrastive.validation import check_not_negative


def byol_augmentation(
    preset: str,
    height: int,
    width: int,
    strength: float = 1.0,
    value_range: tuple[int, int] = (0, 1),
    seed: int | None = None,
    channels: int = 3,
    rgb_channels: tuple[int, int, int] | None = None,
) -> MultiView:
    """Builds the two different augmentations of BYOL.

    Both apply to each image, in this order: random resized crop; horizontal
    flip with probability 0.5; with probability 0.8, a color jitter of
    brightness and contrast `0.4 s`, saturation `0.2 s` and hue `0.1 s`, at
    strength `s`; grayscale with probability 0.2; a Gaussian blur with sigma
    from U(0.1, 2) and a kernel of a tenth of the side; solarization at half of
    the range. They differ in the probabilities of the last two:

    | | first view | second view |
    |---|---|---|
    | blur, `"imagenet"` | 1.0 | 0.1 |
    | blur, `"cifar10"` | 0 | 0 |
    | solarization | 0 | 0.2 |

    `"imagenet"` is the paper's; `"cifar10"` leaves out the blur, as lightly's
    benchmark does for images of 32 pixels.

    Args:
        preset: `"cifar10"` or `"imagenet"`.
        height: Integer, height of the views in pixels.
        width: Integer, width of the views in pixels.
        strength: Float, the strength `s` of the color jitter. Defaults to 1.
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
        `MultiView` that maps images of shape `(batch, any height, any width,
        channels)`, or one image, to two float images of shape `(batch, height,
        width, channels)`.

    Raises:
        ValueError: The preset is unknown, or an argument is out of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.randint(0, 256, (4, 32, 32, 3)).astype("uint8")
    first, second = kc.layers.byol_augmentation("cifar10", 32, 32)(images)
    print(first.shape)  # (4, 32, 32, 3)
    ```

    Reference:
        Grill et al., 2020, Bootstrap Your Own Latent, appendix B.
    """
    check_preset(preset)
    seeds = derive_seeds(seed, 2)
    blurs = (1.0, 0.1) if preset == "imagenet" else (0.0, 0.0)
    return MultiView(
        [
            view_pipeline(
                height,
                width,
                next(seeds),
                scale=(0.08, 1.0),
                jitter=byol_jitter(strength),
                value_range=value_range,
                channels=channels,
                rgb_channels=rgb_channels,
                blur=blur,
                solarize=solarize,
            )
            for blur, solarize in zip(blurs, (0.0, 0.2), strict=True)
        ]
    )


def byol_jitter(strength):
    """Strength of brightness, contrast, saturation and hue."""
    strength = check_not_negative("strength", strength)
    return tuple(strength * x for x in (0.4, 0.4, 0.2, 0.1))
