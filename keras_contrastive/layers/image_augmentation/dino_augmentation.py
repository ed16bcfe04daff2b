"""The augmentations of the DINO paper."""

from keras_contrastive.layers.image_augmentation.byol_augmentation import (
    byol_jitter,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    check_preset,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    derive_seeds,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    view_pipeline,
)
from keras_contrastive.layers.image_augmentation.view_pipeline import (
    with_local_views,
)
from keras_contrastive.layers.multi_crop import MultiCrop
from keras_contrastive.layers.multi_view import MultiView


def dino_augmentation(
    preset: str,
    height: int,
    width: int,
    strength: float = 1.0,
    value_range: tuple[int, int] = (0, 1),
    seed: int | None = None,
    num_local: int = 8,
    local_height: int | None = None,
    local_width: int | None = None,
    channels: int = 3,
    rgb_channels: tuple[int, int, int] | None = None,
) -> MultiCrop | MultiView:
    """Builds the augmentation of DINO: two global and several local views.

    The steps and the color jitter are those of `byol_augmentation`. The views
    differ in the area of the crop and in two probabilities:

    | | first global | second global | local |
    |---|---|---|---|
    | area of the crop | 0.4 to 1 | 0.4 to 1 | 0.05 to 0.4 |
    | blur, `"imagenet"` | 1.0 | 0.1 | 0.5 |
    | blur, `"cifar10"` | 0 | 0 | 0 |
    | solarization | 0 | 0.2 | 0 |

    `"imagenet"` is the authors' augmentation, apart from its bilinear instead
    of bicubic resizing. `"cifar10"` leaves out the blur, as lightly's benchmark
    does.

    Args:
        preset: `"cifar10"` or `"imagenet"`.
        height: Integer, height of the global views in pixels.
        width: Integer, width of the global views in pixels.
        strength: Float, the strength `s` of the color jitter. Defaults to 1.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images and of
            the views. Integer images hold 0 to 255, or 0 to 65535 as uint16,
            and are converted to it.
        seed: Non-negative integer from which each layer's own seed is derived,
            or `None` for random seeds.
        num_local: Integer, number of local views, or 0 for none. Defaults to
            8.
        local_height: Integer, height of the local views in pixels. Defaults to
            3/7 of `height`, as 96 of 224.
        local_width: Integer, width of the local views in pixels.
        channels: Integer, the number of channels. Defaults to 3.
        rgb_channels: Three indices, the places of red, green and blue among
            the channels, such as `(3, 2, 1)` for the bands of Sentinel-2.
            Without them, images of more or fewer than three channels keep
            their colors: brightness and contrast change, saturation and hue do
            not, and there is no grayscale.

    Returns:
        `MultiCrop` that maps images of shape `(batch, any height, any width,
        channels)`, or one image, to the list of the views; without local views,
        a `MultiView`.

    Raises:
        ValueError: The preset is unknown, or an argument is out of range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    images = np.random.randint(0, 256, (4, 32, 32, 3)).astype("uint8")
    views = kc.layers.dino_augmentation("cifar10", 32, 32, num_local=2)(images)
    print([view.shape[1] for view in views])  # 32, 32, 14, 14
    ```

    Reference:
        Caron et al., 2021, Emerging Properties in Self-Supervised Vision
        Transformers, section 3.2 and appendix E.
    """
    check_preset(preset)
    seeds = derive_seeds(seed, 3)
    blurs = (1.0, 0.1, 0.5) if preset == "imagenet" else (0.0, 0.0, 0.0)

    def views(height, width, scale, blur, solarize=0.0):
        return view_pipeline(
            height,
            width,
            next(seeds),
            scale=scale,
            jitter=byol_jitter(strength),
            value_range=value_range,
            channels=channels,
            rgb_channels=rgb_channels,
            blur=blur,
            solarize=solarize,
        )

    global_views = [
        views(height, width, (0.4, 1.0), blurs[0]),
        views(height, width, (0.4, 1.0), blurs[1], solarize=0.2),
    ]
    return with_local_views(
        global_views,
        lambda height, width: views(height, width, (0.05, 0.4), blurs[2]),
        num_local,
        (height, width),
        (local_height, local_width),
    )
