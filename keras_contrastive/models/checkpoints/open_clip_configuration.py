"""`open_clip_config.json`, and what OpenAI's code takes from the weights."""

import math

from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import write_json
from keras_contrastive.models.checkpoints import configuration
from keras_contrastive.models.checkpoints.configuration import Configuration
from keras_contrastive.models.checkpoints.configuration import check_setting
from keras_contrastive.models.checkpoints.configuration import height_and_width

FILE = "open_clip_config.json"
# Those that `write` writes.
FILES = (FILE,)
# Settings that change nothing in these models, or are told by the weights.
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
# The values of others with which the model is CLIP's.
_CLIP = {
    "pool_type": ["tok", "argmax", "eos"],
    "pos_embed_type": ["learnable", "learned"],
    "proj_type": ["linear"],
    "block_type": ["default"],
}
_SIZES_OF_OPENAI = {"input_resolution", "context_length", "vocab_size"}


def read(folder, tensors):
    """The `Configuration` in the file of a folder, or of OpenAI's tensors."""
    config = read_json(folder / FILE)
    if config is None:
        return _of_openai(folder, tensors)
    model = config["model_cfg"]
    vision, text = model["vision_cfg"], model["text_cfg"]
    for section, settings, used in (
        ("model_cfg", model, _MODEL),
        ("vision_cfg", vision, _VISION),
        ("text_cfg", text, _TEXT),
    ):
        _check_others(section, settings, used | _WITHOUT_EFFECT)
    size = height_and_width(vision.get("image_size", 224))
    mean, std, augmenter = _preprocessing(config.get("preprocess_cfg", {}))
    activation = "quick_gelu" if model.get("quick_gelu") else "gelu"
    vocabulary_size = text.get("vocab_size", 49408)
    return Configuration(
        image={
            "num_heads": _width(tensors) // vision.get("head_width", 64),
            "activation": activation,
            "layer_norm_epsilon": _epsilon(vision, "vision_cfg"),
            "patch_dropout": vision.get("patch_dropout", 0.0),
            "input_shape": (*size, 3),
            "mean": mean,
            "std": std,
        },
        text={
            "num_heads": text.get("heads", 8),
            "activation": activation,
            "layer_norm_epsilon": _epsilon(text, "text_cfg"),
            "end_id": text.get("eos_id", 2)
            if text.get("pool_type") == "eos"
            else vocabulary_size - 1,
        },
        augmenter=augmenter,
    )


def _check_others(section, settings, used):
    others = {
        name: value
        for name, value in settings.items()
        if name not in used and value
    }
    check_setting(
        FILE, section, others, {name: _CLIP.get(name, []) for name in others}
    )


def _epsilon(settings, section):
    norm = settings.get("norm_kwargs") or {}
    _check_others(f"norm_kwargs of {section}", norm, {"eps"})
    return norm.get("eps", 1e-5)


def _preprocessing(settings):
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
        tuple(settings.get("mean", configuration.MEAN)),
        tuple(settings.get("std", configuration.STD)),
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
            "end_id": int(tensors["vocab_size"]) - 1,
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
    if text.end_id != text.vocabulary_size - 1:
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
