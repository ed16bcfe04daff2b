"""Writes `open_clip_config.json`."""

import math

from keras_contrastive.json_files import write_json
from keras_contrastive.pretrained import open_clip_names
from keras_contrastive.pretrained.configuration import end_at_highest_id
from keras_contrastive.pretrained.open_clip_configuration import FILE

# The settings that `write` writes.
FILES = (FILE,)


def layout_of(model, kind):
    """The `Layout` of the files that `write` describes."""
    has_initial_norm = model.image_encoder.initial_norm
    return open_clip_names.layout(
        open_clip_names.vision_transformer(has_initial_norm)
    )


def write(folder, model, crop, kind):
    """Writes the file for a `CLIPModel`, see `transformers_writer`."""
    image, text = model.image_encoder, model.text_encoder
    if kind == "siglip":
        raise ValueError(
            "open_clip has SigLIP's image tower only in the sizes that timm "
            'names. Received: a SigLIP; use format="transformers"'
        )
    activations = {image.activation, text.activation}
    if "quick_gelu" in activations and len(activations) > 1:
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
            **({} if image.initial_norm else {"no_ln_pre": True}),
        },
        "text_cfg": {
            **_written_tower(text),
            "heads": text.num_heads,
            "vocab_size": text.vocabulary_size,
            "context_length": text.context_length,
        },
    }
    if image.pooling == "mean":
        model_cfg["vision_cfg"] |= {
            "pool_type": "avg",
            "final_ln_after_pool": image.norm_after_pooling,
        }
    if not text.causal:
        model_cfg["text_cfg"]["no_causal_mask"] = True
    if text.pooling == "last":
        model_cfg["text_cfg"]["pool_type"] = "last"
    elif text.end_id != end_at_highest_id(text.vocabulary_size):
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
    if encoder.activation == "gelu_tanh":
        settings["act_kwargs"] = {"approximate": "tanh"}
    return settings
