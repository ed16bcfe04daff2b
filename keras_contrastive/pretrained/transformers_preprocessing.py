"""`preprocessor_config.json` of Hugging Face's models."""

from keras_contrastive.json_files import BOOLEAN
from keras_contrastive.json_files import SIZE
from keras_contrastive.json_files import THREE_NUMBERS
from keras_contrastive.json_files import THREE_POSITIVE_NUMBERS
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import section_of
from keras_contrastive.json_files import value_of
from keras_contrastive.json_files import write_json
from keras_contrastive.pretrained import configuration
from keras_contrastive.pretrained.configuration import check_setting
from keras_contrastive.pretrained.configuration import height_and_width

FILE = "preprocessor_config.json"
_RESAMPLING = {2: "bilinear", 3: "bicubic"}
# The processors' defaults for settings that are not in a file.
_DEFAULTS = {
    "CLIPImageProcessor": {
        "do_center_crop": True,
        "image_mean": configuration.MEAN,
        "image_std": configuration.STD,
    },
    "SiglipImageProcessor": {
        "do_center_crop": False,
        "image_mean": configuration.HALF,
        "image_std": configuration.HALF,
    },
}


def read(folder, image_size, processor):
    """Reads from a folder how images are prepared.

    Args:
        folder: Path of a folder, which may have no such file.
        image_size: Height and width of the model's images.
        processor: Name of the library's class for the model.

    Returns:
        `mean` and `std` of a `VisionTransformer`, and a dict of arguments of
        `RandomResizedCrop`.
    """
    file, defaults = FILE, _DEFAULTS[processor]
    settings = read_json(folder / file)
    if settings is None:
        file = "processor_config.json"
        settings = section_of(
            read_json(folder / file) or {}, "image_processor", file
        )
    # The library uses its default if a value is null.
    settings = {k: v for k, v in settings.items() if v is not None}
    check_setting(
        file,
        "the images",
        settings,
        {
            "do_resize": [True],
            "do_rescale": [True],
            "rescale_factor": [1 / 255, 0.00392156862745098],
            "resample": list(_RESAMPLING),
        },
    )

    def value(name, default, kind):
        return value_of(settings, name, default, kind, file)

    height, width = image_size
    default_size = (
        {"shortest_edge": height}
        if defaults["do_center_crop"]
        else {"height": height, "width": width}
    )
    size = settings.get("size", default_size)
    center_crop = not isinstance(size, dict) or "shortest_edge" in size
    if isinstance(size, dict) and center_crop:
        size = size["shortest_edge"]
    seen = value_of({"size": size}, "size", None, SIZE, file)
    crop = value("crop_size", image_size, SIZE) if center_crop else seen
    crops = value("do_center_crop", defaults["do_center_crop"], BOOLEAN)
    if not (
        height_and_width(seen) == height_and_width(crop) == image_size
        and crops >= center_crop
    ):
        raise ValueError(
            f"`size` and `crop_size` in {file} must be the model's image "
            f"size, {image_size}, with `do_center_crop` if `size` is that of "
            f"the shortest edge. Received: {settings}"
        )
    mean = value("image_mean", defaults["image_mean"], THREE_NUMBERS)
    std = value("image_std", defaults["image_std"], THREE_POSITIVE_NUMBERS)
    mean, std = tuple(mean), tuple(std)
    if not value("do_normalize", True, BOOLEAN):
        mean = std = None
    interpolation = _RESAMPLING[settings.get("resample", 3)]
    return (
        mean,
        std,
        {"interpolation": interpolation, "center_crop": center_crop},
    )


def write(folder, image, crop, processor):
    """Writes the file.

    Args:
        folder: Path of a folder.
        image: The model's `VisionTransformer`.
        crop: Its `RandomResizedCrop`.
        processor: Name of the library's class for the model.
    """
    height, width, _ = image.input_shape[1:]
    size = {"height": height, "width": width}
    write_json(
        {
            "image_processor_type": processor,
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"shortest_edge": height} if crop.center_crop else size,
            "resample": {v: k for k, v in _RESAMPLING.items()}[
                crop.interpolation
            ],
            "do_center_crop": crop.center_crop,
            "crop_size": size,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": image.mean is not None,
            "image_mean": image.mean or (0, 0, 0),
            "image_std": image.std or (1, 1, 1),
        },
        folder / FILE,
    )
