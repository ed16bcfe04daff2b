"""`config.json` and `preprocessor_config.json` of Hugging Face's CLIPModel."""

from keras_contrastive.json_files import BOOLEAN
from keras_contrastive.json_files import POSITIVE_INTEGER
from keras_contrastive.json_files import POSITIVE_NUMBER
from keras_contrastive.json_files import SIZE
from keras_contrastive.json_files import THREE_NUMBERS
from keras_contrastive.json_files import THREE_POSITIVE_NUMBERS
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import section_of
from keras_contrastive.json_files import value_of
from keras_contrastive.json_files import write_json
from keras_contrastive.pretrained import configuration
from keras_contrastive.pretrained.configuration import Configuration
from keras_contrastive.pretrained.configuration import check_setting
from keras_contrastive.pretrained.configuration import end_at_highest_id
from keras_contrastive.pretrained.configuration import end_id_of
from keras_contrastive.pretrained.configuration import height_and_width

# The settings that `write` writes.
FILES = ("config.json", "preprocessor_config.json")
# The library omits settings that equal the defaults of its classes.
_DEFAULTS = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
_VISION = {
    **_DEFAULTS,
    "num_attention_heads": 12,
    "image_size": 224,
    "num_channels": 3,
}
_TEXT = {
    **_DEFAULTS,
    "num_attention_heads": 8,
    "vocab_size": 49408,
    "eos_token_id": 49407,
}
_RESAMPLING = {2: "bilinear", 3: "bicubic"}
# For this id the library pools at the highest id of each text instead, as its
# first release did.
_HIGHEST_ID = 2


def read(folder):
    """The `Configuration` in the files of a folder."""
    config = read_json(folder / "config.json")
    if config is None:
        raise ValueError(
            "`path` must have the checkpoint's config.json beside its "
            "weights, which do not tell the number of heads. "
            f"Received: {str(folder)!r}, without"
        )
    check_setting("config.json", "the model", config, {"model_type": ["clip"]})
    vision = _section(config, "vision_config", _VISION)
    text = _section(config, "text_config", _TEXT)
    place = "text_config in config.json"
    size = value_of(
        vision, "image_size", None, SIZE, "vision_config in config.json"
    )
    height, width = height_and_width(size)
    mean, std, augmenter = _preprocessing(folder, (height, width))
    vocabulary_size = value_of(
        text, "vocab_size", None, POSITIVE_INTEGER, place
    )
    end_id = end_id_of(text, "eos_token_id", None, vocabulary_size, place)
    return Configuration(
        image={
            **_tower(vision, "vision_config"),
            "input_shape": (height, width, 3),
            "mean": mean,
            "std": std,
        },
        text={
            **_tower(text, "text_config"),
            "end_id": end_at_highest_id(vocabulary_size)
            if end_id == _HIGHEST_ID
            else end_id,
        },
        augmenter=augmenter,
    )


def _section(config, name, defaults):
    section = section_of(config, name, "config.json")
    old = f"{name}_dict"
    # Files of early releases hold a second section. The library completes it
    # with the defaults, and the result overrides the first section.
    if config.get(old) is not None:
        section = {
            **section,
            **defaults,
            **section_of(config, old, "config.json"),
        }
    section = {**defaults, **section}
    check_setting(
        "config.json",
        name,
        section,
        {"hidden_act": ["gelu", "quick_gelu"], "num_channels": [3]},
    )
    return section


def _tower(section, name):
    def value(setting, kind):
        return value_of(section, setting, None, kind, f"{name} in config.json")

    return {
        "num_heads": value("num_attention_heads", POSITIVE_INTEGER),
        "activation": section["hidden_act"],
        "layer_norm_epsilon": value("layer_norm_eps", POSITIVE_NUMBER),
    }


def _preprocessing(folder, image_size):
    file = "preprocessor_config.json"
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

    size = settings.get("size", {"shortest_edge": image_size[0]})
    center_crop = not isinstance(size, dict) or "shortest_edge" in size
    if isinstance(size, dict) and center_crop:
        size = size["shortest_edge"]
    seen = value_of({"size": size}, "size", None, SIZE, file)
    crop = value("crop_size", image_size, SIZE) if center_crop else seen
    crops = value("do_center_crop", True, BOOLEAN)
    if not (
        height_and_width(seen) == height_and_width(crop) == image_size
        and crops >= center_crop
    ):
        raise ValueError(
            f"`size` and `crop_size` in {file} must be the model's image "
            f"size, {image_size}, with `do_center_crop` where `size` is that "
            f"of the shortest edge. Received: {settings}"
        )
    mean = tuple(value("image_mean", configuration.MEAN, THREE_NUMBERS))
    std = tuple(value("image_std", configuration.STD, THREE_POSITIVE_NUMBERS))
    if not value("do_normalize", True, BOOLEAN):
        mean = std = None
    interpolation = _RESAMPLING[settings.get("resample", 3)]
    return (
        mean,
        std,
        {"interpolation": interpolation, "center_crop": center_crop},
    )


def write(folder, model, crop):
    """Writes both files for a `CLIPModel`.

    Args:
        folder: Path of a folder.
        model: The model.
        crop: Its `RandomResizedCrop`.
    """
    image, text = model.image_encoder, model.text_encoder
    height, width, _ = image.input_shape[1:]
    if height != width:
        raise ValueError(
            "transformers has CLIP with square images only. Received: a model "
            f'that takes {height} x {width}; use format="open_clip"'
        )
    if text.end_id == _HIGHEST_ID != text.vocabulary_size - 1:
        raise ValueError(
            f"transformers takes the end id {_HIGHEST_ID} for the highest id "
            "of a text, so that it would read the texts elsewhere. Received: "
            f"a text encoder with end_id={text.end_id} of "
            f'{text.vocabulary_size} ids; use format="open_clip"'
        )
    if model.logit_scale.bias is not None:
        raise ValueError(
            "transformers has no CLIP with a bias of the logits. Received: a "
            'model trained with one; use format="open_clip"'
        )
    write_json(
        {
            "architectures": ["CLIPModel"],
            "model_type": "clip",
            "projection_dim": model.projection_dim,
            "dtype": "float32",
            "vision_config": {
                **_written_tower(image, model.projection_dim),
                "image_size": height,
                "patch_size": image.patch_size,
            },
            "text_config": {
                **_written_tower(text, model.projection_dim),
                "vocab_size": text.vocabulary_size,
                "max_position_embeddings": text.context_length,
                "eos_token_id": _HIGHEST_ID
                if text.end_id is None
                else text.end_id,
                "bos_token_id": None,
                "pad_token_id": None,
            },
        },
        folder / "config.json",
    )
    size = {"height": height, "width": width}
    write_json(
        {
            "image_processor_type": "CLIPImageProcessor",
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
        folder / "preprocessor_config.json",
    )


def _written_tower(encoder, projection_dim):
    return {
        "hidden_size": encoder.width,
        "intermediate_size": round(encoder.width * encoder.mlp_ratio),
        "num_hidden_layers": encoder.num_layers,
        "num_attention_heads": encoder.num_heads,
        "hidden_act": encoder.activation,
        "layer_norm_eps": encoder.layer_norm_epsilon,
        "projection_dim": projection_dim,
    }
