"""`open_clip_config.json`, and OpenAI's settings, taken from the weights."""

from keras_contrastive.json_files import BOOLEAN
from keras_contrastive.json_files import POSITIVE_INTEGER
from keras_contrastive.json_files import POSITIVE_NUMBER
from keras_contrastive.json_files import SHARE
from keras_contrastive.json_files import SIZE
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import section_of
from keras_contrastive.json_files import value_of
from keras_contrastive.pretrained import configuration
from keras_contrastive.pretrained import open_clip_names
from keras_contrastive.pretrained import open_clip_preprocessing
from keras_contrastive.pretrained.configuration import Configuration
from keras_contrastive.pretrained.configuration import check_setting
from keras_contrastive.pretrained.configuration import end_at_highest_id
from keras_contrastive.pretrained.configuration import end_id_of
from keras_contrastive.pretrained.configuration import height_and_width
from keras_contrastive.pretrained.resnet_names import CHANNELS
from keras_contrastive.pretrained.resnet_names import stack_sizes_of
from keras_contrastive.pretrained.timm_towers import timm_image

FILE = "open_clip_config.json"
# Settings that do not affect these models, or follow from the weights.
_WITHOUT_EFFECT = {
    *("layers", "width", "patch_size", "mlp_ratio", "output_tokens"),
    *("attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained"),
    *("timm_drop", "timm_drop_path", "context_length", "pad_id"),
    *("hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs"),
    *("hf_model_pretrained", "hf_proj_type", "hf_pooler_type"),
    *("embed_dim", "custom_text", "init_logit_scale", "init_logit_bias"),
    "nonscalar_logit_scale",
}
_MODEL = {"vision_cfg", "text_cfg", "quick_gelu"}
_VISION = {
    *("head_width", "image_size", "patch_dropout", "norm_kwargs", "act_kwargs"),
    *("timm_model_name", "timm_pool", "timm_proj", "timm_proj_bias"),
    *("no_ln_pre", "pool_type", "final_ln_after_pool"),
}
_TEXT = {
    *("vocab_size", "heads", "eos_id", "norm_kwargs", "act_kwargs"),
    *("no_causal_mask", "pool_type", "proj_type", "proj_bias"),
    "final_ln_after_pool",
}
# Values of other settings for which the model is CLIP's.
_CLIP = {
    "pos_embed_type": ["learnable", "learned"],
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

    is_quick = bool(model.get("quick_gelu"))
    image, kind = _image(vision, tensors, is_quick)
    mean, std, augmenter = open_clip_preprocessing.read(
        section_of(config, "preprocess_cfg", FILE), FILE
    )
    return Configuration(
        image={**image, "mean": mean, "std": std},
        text=_text(text, is_quick),
        augmenter=augmenter,
        layout=open_clip_names.layout(
            **kind, text_projection=_text_projection(text)
        ),
        is_resnet="stack_sizes" in image,
    )


def _image(vision, tensors, is_quick):
    """Arguments of the encoder, and of `open_clip_names.layout`."""

    def of_vision(name, default, kind):
        return value_of(vision, name, default, kind, f"vision_cfg in {FILE}")

    size = height_and_width(of_vision("image_size", 224, SIZE))
    common = {
        "patch_dropout": of_vision("patch_dropout", 0.0, SHARE),
        "input_shape": (*size, 3),
    }
    if vision.get("timm_model_name"):
        image, kind = timm_image(vision, FILE)
        return {**common, **image}, kind
    check_setting(
        FILE,
        "vision_cfg",
        vision,
        {"pool_type": ["tok", "avg"], "timm_proj_bias": [False]},
    )
    head_width = of_vision("head_width", 64, POSITIVE_INTEGER)
    sizes = stack_sizes_of(tensors)
    if sizes is not None:
        image = {
            "stack_sizes": sizes,
            "num_heads": tensors[CHANNELS].shape[0] // head_width,
            "input_shape": (*size, 3),
        }
        return image, {"stack_sizes": sizes}
    has_initial_norm = not of_vision("no_ln_pre", False, BOOLEAN)
    is_mean = vision.get("pool_type") == "avg"
    image = {
        **common,
        "num_heads": _width(tensors) // head_width,
        "activation": _activation(vision, is_quick, "vision_cfg"),
        "layer_norm_epsilon": _epsilon(vision, "vision_cfg"),
        "initial_norm": has_initial_norm,
    }
    if is_mean:
        after = of_vision("final_ln_after_pool", False, BOOLEAN)
        image |= {
            "pooling": "mean",
            "class_token": True,
            "norm_after_pooling": after,
        }
    return image, {"has_initial_norm": has_initial_norm}


def _text(text, is_quick):
    """Arguments of the encoder."""
    place = f"text_cfg in {FILE}"
    pooled = {"pool_type": ["argmax", "eos", "last"]}
    check_setting(FILE, "text_cfg", text, pooled)
    vocabulary_size = value_of(
        text,
        "vocab_size",
        configuration.VOCABULARY_SIZE,
        POSITIVE_INTEGER,
        place,
    )
    is_causal = not value_of(text, "no_causal_mask", False, BOOLEAN, place)
    pooling = text.get("pool_type", "argmax")
    if pooling == "eos":
        end_id = end_id_of(text, "eos_id", 2, vocabulary_size, place)
    elif pooling == "last":
        end_id = None
    else:
        end_id = end_at_highest_id(vocabulary_size)
    return {
        "num_heads": value_of(text, "heads", 8, POSITIVE_INTEGER, place),
        "activation": _activation(text, is_quick, "text_cfg"),
        "layer_norm_epsilon": _epsilon(text, "text_cfg"),
        "end_id": end_id,
        **({} if is_causal else {"causal": False}),
        **({"pooling": "last"} if pooling == "last" else {}),
    }


def _text_projection(text):
    check_setting(FILE, "text_cfg", text, {"proj_type": ["linear", "none"]})
    if text.get("proj_type") == "none":
        return "none"
    has_bias = value_of(
        text, "proj_bias", False, BOOLEAN, f"text_cfg in {FILE}"
    )
    return "biased" if has_bias else "matrix"


def _activation(settings, is_quick, section):
    arguments = section_of(settings, "act_kwargs", f"{section} in {FILE}")
    if not arguments:
        return "quick_gelu" if is_quick else "gelu"
    if arguments == {"approximate": "none"} and not is_quick:
        return "gelu"
    if arguments != {"approximate": "tanh"} or is_quick:
        raise ValueError(
            f"`act_kwargs` of {section} in {FILE} must be unset, or "
            '{"approximate": "tanh"} without quick_gelu. Received: '
            f"act_kwargs={arguments} with quick_gelu={is_quick}"
        )
    return "gelu_tanh"


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


def _of_openai(folder, tensors):
    if not _SIZES_OF_OPENAI <= set(tensors):
        raise ValueError(
            f"`path` must have the checkpoint's {FILE} beside its weights, "
            "which do not tell the number of heads, nor GELU from QuickGELU; "
            f"only OpenAI's, known by {sorted(_SIZES_OF_OPENAI)} among the "
            f"tensors, need none. Received: {str(folder)!r}, without"
        )
    size = int(tensors["input_resolution"])
    sizes = stack_sizes_of(tensors)
    if sizes is None:
        tower = {
            "num_heads": _width(tensors) // 64,
            "activation": "quick_gelu",
        }
    else:
        heads = tensors[CHANNELS].shape[0] // 64
        tower = {"stack_sizes": sizes, "num_heads": heads}
    return Configuration(
        image={
            **tower,
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
        layout=open_clip_names.layout(stack_sizes=sizes),
        is_resnet=sizes is not None,
    )


def _width(tensors):
    if "visual.class_embedding" not in tensors:
        raise ValueError(
            "The checkpoint's image tower must be a vision transformer or "
            f"CLIP's ResNet. Received: one of {sorted(tensors)[:3]}"
        )
    return len(tensors["visual.class_embedding"])
