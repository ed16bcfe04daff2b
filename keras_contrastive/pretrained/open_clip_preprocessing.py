"""`preprocess_cfg` of `open_clip_config.json`."""

from keras_contrastive.json_files import THREE_NUMBERS
from keras_contrastive.json_files import THREE_POSITIVE_NUMBERS
from keras_contrastive.json_files import value_of
from keras_contrastive.pretrained import configuration
from keras_contrastive.pretrained.configuration import check_setting


def read(settings, file):
    """Reads how images are prepared.

    Args:
        settings: Dict, the section of the file.
        file: Name of the file.

    Returns:
        `mean` and `std` of a `VisionTransformer`, and a dict of arguments of
        `RandomResizedCrop`.
    """
    # The library uses its default if a value is null.
    settings = {k: v for k, v in settings.items() if v is not None}
    place = f"preprocess_cfg in {file}"
    for name in {"mean", "std"} & set(settings):
        if isinstance(settings[name], int | float):  # for all channels
            settings[name] = 3 * [settings[name]]
    check_setting(
        file,
        "preprocess_cfg",
        settings,
        {
            "mode": ["RGB"],
            "interpolation": ["bicubic", "bilinear"],
            "resize_mode": ["shortest", "squash"],
        },
    )
    return (
        tuple(
            value_of(settings, "mean", configuration.MEAN, THREE_NUMBERS, place)
        ),
        tuple(
            value_of(
                settings,
                "std",
                configuration.STD,
                THREE_POSITIVE_NUMBERS,
                place,
            )
        ),
        {
            "interpolation": settings.get("interpolation", "bicubic"),
            "center_crop": settings.get("resize_mode", "shortest")
            == "shortest",
        },
    )
