"""Writes the settings of Hugging Face's CLIPModel and SiglipModel."""

from keras_contrastive.json_files import write_json
from keras_contrastive.pretrained import transformers_names
from keras_contrastive.pretrained import transformers_preprocessing
from keras_contrastive.pretrained.transformers_configuration import ACTIVATIONS
from keras_contrastive.pretrained.transformers_configuration import FAMILIES
from keras_contrastive.pretrained.transformers_configuration import FILE
from keras_contrastive.pretrained.transformers_configuration import HIGHEST_ID

# The settings that `write` writes.
FILES = (FILE, transformers_preprocessing.FILE)


def layout_of(model, kind):
    """The `Layout` of the files that `write` describes."""
    return (
        transformers_names.SIGLIP
        if kind == "siglip"
        else transformers_names.CLIP
    )


def write(folder, model, crop, kind):
    """Writes both files for a `CLIPModel`.

    Args:
        folder: Path of a folder.
        model: The model.
        crop: Its `RandomResizedCrop`.
        kind: See `kind_of`.
    """
    image, text = model.image_encoder, model.text_encoder
    _check_writable(model, kind)
    family = FAMILIES[kind]
    height = image.input_shape[1]
    content = {
        "architectures": ["SiglipModel" if kind == "siglip" else "CLIPModel"],
        "model_type": kind,
        "dtype": "float32",
        "vision_config": {
            **_written_tower(image),
            "image_size": height,
            "patch_size": image.patch_size,
        },
        "text_config": {
            **_written_tower(text),
            "vocab_size": text.vocabulary_size,
            "max_position_embeddings": text.context_length,
            "bos_token_id": None,
            "pad_token_id": None,
        },
    }
    vision, texts = content["vision_config"], content["text_config"]
    if kind == "siglip":
        vision["model_type"] = "siglip_vision_model"
        texts |= {
            "model_type": "siglip_text_model",
            "projection_size": text.output_dim,
            "eos_token_id": None,
        }
    else:
        for section in (content, vision, texts):
            section["projection_dim"] = model.projection_dim
        end_id = HIGHEST_ID if text.end_id is None else text.end_id
        texts["eos_token_id"] = end_id
    write_json(content, folder / FILE)
    transformers_preprocessing.write(folder, image, crop, family.processor)


def _check_writable(model, kind):
    image, text = model.image_encoder, model.text_encoder
    height, width, _ = image.input_shape[1:]
    if height != width:
        raise ValueError(
            "transformers has CLIP with square images only. Received: a model "
            f'that takes {height} x {width}; use format="open_clip"'
        )
    if kind == "siglip":
        if text.output_dim is None:
            raise ValueError(
                "transformers has SigLIP with a linear layer after the text "
                "tower only. Received: a text encoder with output_dim=None"
            )
        return
    if kind != "clip":
        raise ValueError(
            "transformers has no CLIP whose towers are built like these. "
            f'Received: {image!r} and {text!r}; use format="open_clip"'
        )
    if text.end_id == HIGHEST_ID != text.vocabulary_size - 1:
        raise ValueError(
            f"transformers interprets the end id {HIGHEST_ID} as the highest "
            "id of a text, so it would pool the texts elsewhere. Received: "
            f"a text encoder with end_id={text.end_id} of "
            f'{text.vocabulary_size} ids; use format="open_clip"'
        )
    if model.logit_scale.bias is not None:
        raise ValueError(
            "transformers has no CLIP with a bias of the logits. Received: a "
            'model trained with one; use format="open_clip"'
        )


def _written_tower(encoder):
    names = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
    return {
        "hidden_size": encoder.width,
        "intermediate_size": round(encoder.width * encoder.mlp_ratio),
        "num_hidden_layers": encoder.num_layers,
        "num_attention_heads": encoder.num_heads,
        "hidden_act": names[encoder.activation],
        "layer_norm_eps": encoder.layer_norm_epsilon,
    }
