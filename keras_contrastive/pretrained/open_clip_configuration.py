"""`open_clip_config.json`, and OpenAI's settings, taken from the weights."""

from keras_contrastive.json_files import BOOLEAN
from keras_contrastive.json_files import POSITIVE_INTEGER
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
from keras_contrastive.pretrained.open_clip_images import image_tower
from keras_contrastive.pretrained.open_clip_settings import activation_of
from keras_contrastive.pretrained.open_clip_settings import check_others
from keras_contrastive.pretrained.open_clip_settings import epsilon_of
from keras_contrastive.pretrained.roberta_tower import is_roberta
from keras_contrastive.pretrained.roberta_tower import roberta_encoder
from keras_contrastive.pretrained.roberta_tower import roberta_names

FILE = "open_clip_config.json"
# Settings that do not affect these models, or follow from the weights.
_WITHOUT_EFFECT = {
    *("layers", "width", "patch_size", "mlp_ratio", "output_tokens"),
    *("attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained"),
    *("timm_drop", "timm_drop_path", "context_length", "pad_id"),
    *("hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs"),
    *("hf_model_pretrained", "hf_proj_type"),
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
    *("final_ln_after_pool", "hf_model_name", "hf_pooler_type"),
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
        check_others(section, settings, used | _WITHOUT_EFFECT, FILE)

    is_quick = bool(model.get("quick_gelu"))
    image = image_tower(vision, tensors, is_quick, FILE)
    mean, std, augmenter = open_clip_preprocessing.read(
        section_of(config, "preprocess_cfg", FILE), FILE
    )
    others = {"augmenter": augmenter, "image_class": image.encoder}
    arguments = {**image.arguments, "mean": mean, "std": std}
    if text.get("hf_model_name"):
        return Configuration(
            arguments,
            {},
            layout=_roberta_layout(image, text, tensors),
            make_text=roberta_encoder,
            **others,
        )
    return Configuration(
        arguments,
        _text(text, is_quick),
        layout=open_clip_names.layout(
            image.names, image.projection, _text_projection(text)
        ),
        **others,
    )


def _roberta_layout(image, text, tensors):
    name = text["hf_model_name"]
    if not is_roberta(name):
        raise ValueError(
            f"`hf_model_name` of text_cfg in {FILE} must be unset, or RoBERTa "
            "or XLM-R, such as 'xlm-roberta-base'. Received: "
            f"hf_model_name={name!r}"
        )
    pooling = {"hf_pooler_type": [None, "mean_pooler"]}
    check_setting(FILE, "text_cfg", text, pooling)
    return open_clip_names.layout(
        image.names, image.projection, ("none", ""), roberta_names(tensors)
    )


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
        "activation": activation_of(text, is_quick, "text_cfg", FILE),
        "layer_norm_epsilon": epsilon_of(text, "text_cfg", FILE),
        "end_id": end_id,
        **({} if is_causal else {"causal": False}),
        **({"pooling": "last"} if pooling == "last" else {}),
    }


def _text_projection(text):
    check_setting(FILE, "text_cfg", text, {"proj_type": ["linear", "none"]})
    if text.get("proj_type") == "none":
        return "none", ""
    has_bias = value_of(
        text, "proj_bias", False, BOOLEAN, f"text_cfg in {FILE}"
    )
    return "biased" if has_bias else "matrix", "text_projection"


def _of_openai(folder, tensors):
    if not _SIZES_OF_OPENAI <= set(tensors):
        raise ValueError(
            f"`path` must have the checkpoint's {FILE} beside its weights, "
            "which do not tell the number of heads, or GELU from QuickGELU; "
            "only OpenAI's checkpoints, with the tensors "
            f"{sorted(_SIZES_OF_OPENAI)}, need no such file. Received: "
            f"{str(folder)!r}, without"
        )
    size = int(tensors["input_resolution"])
    image = image_tower({"image_size": size}, tensors, True, FILE)
    return Configuration(
        image={
            **image.arguments,
            "mean": configuration.MEAN,
            "std": configuration.STD,
        },
        text={
            "num_heads": tensors["ln_final.weight"].shape[0] // 64,
            "activation": "quick_gelu",
            "end_id": end_at_highest_id(int(tensors["vocab_size"])),
        },
        augmenter={"interpolation": "bicubic", "center_crop": True},
        layout=open_clip_names.layout(image.names, image.projection),
        image_class=image.encoder,
    )
