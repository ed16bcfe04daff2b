"""The augmentations of the SwAV paper."""

from keras_contrastive.layers.image_augmentation.simclr_augmentation import (
    STRENGTHS,
)
from keras_contrastive.layers.image_augmentation.simclr_augmentation import (
    simclr_jitter,
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


def swav_augmentation(
    preset: str,
    height: int,
    width: int,
    strength: float | None = None,
    value_range: tuple[int, int] = (0, 1),
    seed: int | None = None,
    num_local: int = 6,
    local_height: int | None = None,
    local_width: int | None = None,
    channels: int = 3,
    rgb_channels: tuple[int, int, int] | None = None,
) -> MultiCrop | MultiView:
    """Builds the augmentation of SwAV: two global and several local views.

    The steps, the color jitter and the blur are those of
    `simclr_augmentation`. The area of a crop is 0.14 to 1 of the image in
    global views and 0.05 to 0.14 in local views.

    Args:
        preset: `"cifar10"` or `"imagenet"`, as in `simclr_augmentation`.
        height: Integer, height of the global views in pixels.
        width: Integer, width of the global views in pixels.
        strength: Float, the strength of the color jitter. `None` takes the
            preset's.
        value_range: `(0, 1)` or `(0, 255)`, the range of float images and of
            the views. Integer images hold 0 to 255, or 0 to 65535 as uint16,
            and are converted to it.
        seed: Non-negative integer from which each layer's own seed is derived,
            or `None` for random seeds.
        num_local: Integer, number of local views, or 0 for none. Defaults to
            6.
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
    views = kc.layers.swav_augmentation("cifar10", 32, 32, num_local=2)(images)
    print([view.shape[1] for view in views])  # 32, 32, 14, 14
    ```

    Reference:
        Caron et al., 2020, Unsupervised Learning of Visual Features by
        Contrasting Cluster Assignments, appendix A.2.
    """
    check_preset(preset)
    if strength is None:
        strength = STRENGTHS[preset]
    seeds = derive_seeds(seed, 2)

    def views(height, width, scale):
        return view_pipeline(
            height,
            width,
            next(seeds),
            scale=scale,
            jitter=simclr_jitter(strength),
            value_range=value_range,
            channels=channels,
            rgb_channels=rgb_channels,
            blur=0.5 if preset == "imagenet" else 0.0,
        )

    global_views = views(height, width, (0.14, 1.0))
    return with_local_views(
        global_views,
        lambda height, width: views(height, width, (0.05, 0.14)),
        num_local,
        (height, width),
        (local_height, local_width),
    )
