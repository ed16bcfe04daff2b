"""`open_clip_config.json`, and OpenAI's settings, taken from the weights."""

import math

from keras_contrastive.json_files import POSITIVE_INTEGER
from keras_contrastive.json_files import POSITIVE_NUMBER
from keras_contrastive.json_files import SHARE
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

FILE = "open_clip_config.json"
# The settings that `write` writes.
FILES = (FILE,)
# Settings that do not affect these models, or follow from the weights.
_WITHOUT_EFFECT = {
    *("layers", "width", "patch_size", "mlp_ratio", "output_tokens"),
    *("final_ln_after_pool", "attn_pooler_queries", "attn_pooler_heads"),
    *("timm_model_pretrained", "timm_pool", "timm_proj", "timm_drop"),
    *("timm_proj_bias", "timm_drop_path", "context_length", "pad_id"),
    *("hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs"),
    *("hf_model_pretrained", "hf_proj_type", "hf_pooler_type"),
    *("embed_dim", "custom_text", "init_logit_scale", "init_logit_bias"),
    "nonscalar_logit_scale",
}
_MODEL = {"vision_cfg", "text_cfg", "quick_gelu"}
_VISION = {"head_width", "image_size", "patch_dropout", "norm_kwargs"}
_TEXT = {"vocab_size", "heads", "eos_id", "norm_kwargs"}
# Values of other settings for which the model is CLIP's.
_CLIP = {
    "pool_type": ["tok", "argmax", "eos"],
    "pos_embed_type": ["learnable", "learned"],
    "proj_type": ["linear"],
    "block_type": ["default"],
}
_SIZES_OF_OPENAI = {"input_resolution", "context_length", "vocab_size"}


def read(folder, tensors):
    """The `Configuration` of a folder's file, or of OpenAI's tensors."""
    config = read_json(folder / FILE)
    if config is None:
        return _of_openai(folder, tensors)
    model = section_of(config, "model_cfg", FILE)
    vision, text = (
        section_of(model, name, f"model_cfg in {FILE}")
        for name in ("vision_cfg", "text_cfg")
    )
    if not (vision and text):
        raise ValueError(
            f"`vision_cfg` and `text_cfg` of model_cfg in {FILE} must be there."
            f" Received: {sorted(config)}, with {sorted(model)} in model_cfg"
        )
    for section, settings, used in (
        ("model_cfg", model, _MODEL),
        ("vision_cfg", vision, _VISION),
        ("text_cfg", text, _TEXT),
    ):
        _check_others(section, settings, used | _WITHOUT_EFFECT)

    def of_vision(name, default, kind):
        return value_of(vision, name, default, kind, f"vision_cfg in {FILE}")

    size = height_and_width(of_vision("image_size", 224, SIZE))
    head_width = of_vision("head_width", 64, POSITIVE_INTEGER)
    mean, std, augmenter = _preprocessing(
        section_of(config, "preprocess_cfg", FILE)
    )
    activation = "quick_gelu" if model.get("quick_gelu") else "gelu"
    place = f"text_cfg in {FILE}"
    vocabulary_size = value_of(
        text,
        "vocab_size",
        configuration.VOCABULARY_SIZE,
        POSITIVE_INTEGER,
        place,
    )
    return Configuration(
        image={
            "num_heads": _width(tensors) // head_width,
            "activation": activation,
            "layer_norm_epsilon": _epsilon(vision, "vision_cfg"),
            "patch_dropout": of_vision("patch_dropout", 0.0, SHARE),
            "input_shape": (*size, 3),
            "mean": mean,
            "std": std,
        },
        text={
            "num_heads": value_of(text, "heads", 8, POSITIVE_INTEGER, place),
            "activation": activation,
            "layer_norm_epsilon": _epsilon(text, "text_cfg"),
            "end_id": end_id_of(text, "eos_id", 2, vocabulary_size, place)
            if text.get("pool_type") == "eos"
            else end_at_highest_id(vocabulary_size),
        },
        augmenter=augmenter,
    )


def _check_others(section, settings, used):
    others = {
        name: value
        for name, value in settings.items()
        if name not in used and (value or name in _CLIP)
    }
    check_setting(
        FILE, section, others, {name: _CLIP.get(name, []) for name in others}
    )


def _epsilon(settings, section):
    norm = section_of(settings, "norm_kwargs", f"{section} in {FILE}")
    place = f"norm_kwargs of {section}"
    _check_others(place, norm, {"eps"})
    return value_of(norm, "eps", 1e-5, POSITIVE_NUMBER, f"{place} in {FILE}")


def _preprocessing(settings):
    # The library uses its default if a value is null.
    settings = {k: v for k, v in settings.items() if v is not None}
    place = f"preprocess_cfg in {FILE}"
    for name in {"mean", "std"} & set(settings):
        if isinstance(settings[name], int | float):  # for all channels
            settings[name] = 3 * [settings[name]]
    check_setting(
        FILE,
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


def _of_openai(folder, tensors):
    if not _SIZES_OF_OPENAI <= set(tensors):
        raise ValueError(
            f"`path` must have the checkpoint's {FILE} beside its weights, "
            "which do not tell the number of heads, nor GELU from QuickGELU; "
            f"only OpenAI's, known by {sorted(_SIZES_OF_OPENAI)} among the "
            f"tensors, need none. Received: {str(folder)!r}, without"
        )
    size = int(tensors["input_resolution"])
    return Configuration(
        image={
            "num_heads": _width(tensors) // 64,
            "activation": "quick_gelu",
            "input_shape": (size, size, 3),
            "mean": configuration.MEAN,
            "std": configuration.STD,
        },
        text={
            "num_heads": tensors["ln_final.weight"].shape[0] // 64,
            "activation": "quick_gelu",
            "end_id": end_at_highest_id(int(tensors["vocab_size"])),
        },
        augmenter={"interpolation": "bicubic", "center_crop": True},
    )


def _width(tensors):
    if "visual.class_embedding" not in tensors:
        raise ValueError(
            "The checkpoint's image tower must be a vision transformer. "
            f"Received: one of {sorted(tensors)[:3]}"
        )
    return len(tensors["visual.class_embedding"])


def write(folder, model, crop):
    """Writes the file for a `CLIPModel`, see `transformers_configuration`."""
    image, text = model.image_encoder, model.text_encoder
    if image.activation != text.activation:
        raise ValueError(
            "open_clip has one activation for both towers. Received: a model "
            f"with {image.activation} and {text.activation}"
        )
    model_cfg = {
        "embed_dim": model.projection_dim,
        "quick_gelu": image.activation == "quick_gelu",
        "vision_cfg": {
            **_written_tower(image),
            "image_size": list(image.input_shape[1:3]),
            "patch_size": image.patch_size,
            "head_width": image.width // image.num_heads,
            "patch_dropout": image.patch_dropout,
        },
        "text_cfg": {
            **_written_tower(text),
            "heads": text.num_heads,
            "vocab_size": text.vocabulary_size,
            "context_length": text.context_length,
        },
    }
    if text.end_id != end_at_highest_id(text.vocabulary_size):
        model_cfg["text_cfg"] |= {"pool_type": "eos", "eos_id": text.end_id}
    if model.logit_scale.bias is not None:
        model_cfg["init_logit_bias"] = model.logit_scale.initial_bias
    write_json(
        {
            "model_cfg": model_cfg,
            "preprocess_cfg": {
                "mean": image.mean or (0, 0, 0),
                "std": image.std or (1, 1, 1),
                "interpolation": crop.interpolation,
                "resize_mode": "shortest" if crop.center_crop else "squash",
            },
        },
        folder / FILE,
    )


def _written_tower(encoder):
    hidden = round(encoder.width * encoder.mlp_ratio)
    ratio = hidden / encoder.width
    if int(encoder.width * ratio) < hidden:  # as open_clip computes it
        ratio = math.nextafter(ratio, math.inf)
    settings = {
        "width": encoder.width,
        "layers": encoder.num_layers,
        "mlp_ratio": ratio,
    }
    if encoder.layer_norm_epsilon != 1e-5:
        settings["norm_kwargs"] = {"eps": encoder.layer_norm_epsilon}
    return settings
