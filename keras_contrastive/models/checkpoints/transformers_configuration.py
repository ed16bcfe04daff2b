"""`config.json` and `preprocessor_config.json` of Hugging Face's CLIPModel."""

from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import write_json
from keras_contrastive.models.checkpoints import configuration
from keras_contrastive.models.checkpoints.configuration import Configuration
from keras_contrastive.models.checkpoints.configuration import check_setting
from keras_contrastive.models.checkpoints.configuration import height_and_width

# Those that `write` writes.
FILES = ("config.json", "preprocessor_config.json")
# The library leaves out of the files what is as its classes have it.
_DEFAULTS = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
_VISION = {**_DEFAULTS, "num_attention_heads": 12, "image_size": 224}
_TEXT = {
    **_DEFAULTS,
    "num_attention_heads": 8,
    "vocab_size": 49408,
    "eos_token_id": 49407,
}
_RESAMPLING = {2: "bilinear", 3: "bicubic"}
# The id with which the library means the highest id of each text instead, as
# its first release did.
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
    height, width = height_and_width(vision["image_size"])
    mean, std, augmenter = _preprocessing(folder, (height, width))
    end_id = text["eos_token_id"]
    return Configuration(
        image={
            **_tower(vision),
            "input_shape": (height, width, 3),
            "mean": mean,
            "std": std,
        },
        text={
            **_tower(text),
            "end_id": text["vocab_size"] - 1
            if end_id == _HIGHEST_ID
            else end_id,
        },
        augmenter=augmenter,
    )


def _section(config, name, defaults):
    # Old files hold a second one, which counts.
    section = {
        **defaults,
        **(config.get(name) or {}),
        **(config.get(f"{name}_dict") or {}),
    }
    check_setting(
        "config.json",
        name,
        section,
        {"hidden_act": ["gelu", "quick_gelu"], "num_channels": [3]},
    )
    return section


def _tower(section):
    return {
        "num_heads": section["num_attention_heads"],
        "activation": section["hidden_act"],
        "layer_norm_epsilon": section["layer_norm_eps"],
    }


def _preprocessing(folder, image_size):
    settings = read_json(folder / "preprocessor_config.json")
    if settings is None:
        processor = read_json(folder / "processor_config.json") or {}
        settings = processor.get("image_processor") or {}
    file = "preprocessor_config.json"
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
    size = settings.get("size", {"shortest_edge": image_size[0]})
    if isinstance(size, int):
        size = {"shortest_edge": size}
    center_crop = "shortest_edge" in size
    seen = size["shortest_edge"] if center_crop else size
    crop = settings.get("crop_size", image_size) if center_crop else seen
    if not (
        height_and_width(seen) == height_and_width(crop) == image_size
        and settings.get("do_center_crop", True) >= center_crop
    ):
        raise ValueError(
            f"`size` and `crop_size` in {file} must be the model's image "
            f"size, {image_size}, with `do_center_crop` where `size` is that "
            f"of the shortest edge. Received: {settings}"
        )
    mean = tuple(settings.get("image_mean", configuration.MEAN))
    std = tuple(settings.get("image_std", configuration.STD))
    if not settings.get("do_normalize", True):
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
                "eos_token_id": text.end_id,
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
