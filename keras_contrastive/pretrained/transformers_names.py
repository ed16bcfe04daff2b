"""The names of weights in transformers' models."""

from keras_contrastive.pretrained.layout import Layout
from keras_contrastive.pretrained.layout import Rows
from keras_contrastive.pretrained.layout import TowerNames
from keras_contrastive.pretrained.layout import dense_names
from keras_contrastive.pretrained.layout import norm_names


def _blocks(tower, model, count):
    names = {}
    for i in range(count):
        ours, theirs = f"{tower}/block{i + 1}", f"{model}.encoder.layers.{i}"
        attention = f"{theirs}.self_attn"
        names |= {
            **norm_names(f"{ours}/attention_norm", f"{theirs}.layer_norm1"),
            **dense_names(
                f"{ours}/qkv", *(f"{attention}.{part}_proj" for part in "qkv")
            ),
            **dense_names(f"{ours}/attention_output", f"{attention}.out_proj"),
            **norm_names(f"{ours}/mlp_norm", f"{theirs}.layer_norm2"),
            **dense_names(f"{ours}/mlp_hidden", f"{theirs}.mlp.fc1"),
            **dense_names(f"{ours}/mlp_output", f"{theirs}.mlp.fc2"),
        }
    return names


def _image(blocks):
    """The names that every vision transformer has."""
    embeddings = "vision_model.embeddings"
    return {
        "image/patch_embedding/kernel": [
            f"{embeddings}.patch_embedding.weight"
        ],
        "image/position_embedding/position_embedding": [
            f"{embeddings}.position_embedding.weight"
        ],
        **norm_names("image/final_norm", "vision_model.post_layernorm"),
        **_blocks("image", "vision_model", blocks),
    }


def _image_of_clip(blocks):
    return {
        **_image(blocks),
        "image/class_token/class_token": [
            "vision_model.embeddings.class_embedding"
        ],
        **norm_names("image/initial_norm", "vision_model.pre_layrnorm"),
    }


def _image_of_siglip(blocks):
    head = "vision_model.head"
    in_proj = f"{head}.attention.in_proj"
    pool = {f"image/pool/{n}": p for n, p in _POOL_PARTS.items()}
    return {
        **_image(blocks),
        "image/patch_embedding/bias": [
            "vision_model.embeddings.patch_embedding.bias"
        ],
        "image/pool/probe": [f"{head}.probe"],
        **{
            f"{ours}/{part}": [Rows(f"{in_proj}_{theirs}", *rows, 3)]
            for ours, rows in pool.items()
            for part, theirs in (("kernel", "weight"), ("bias", "bias"))
        },
        **dense_names(
            "image/pool/attention_output", f"{head}.attention.out_proj"
        ),
        **norm_names("image/pool/mlp_norm", f"{head}.layernorm"),
        **dense_names("image/pool/mlp_hidden", f"{head}.mlp.fc1"),
        **dense_names("image/pool/mlp_output", f"{head}.mlp.fc2"),
    }


# Thirds of the matrix for query, key and value.
_POOL_PARTS = {"query": (0, 1), "key_value": (1, 3)}


def _text(blocks):
    embeddings = "text_model.embeddings"
    return {
        "text/token_embedding/embeddings": [
            f"{embeddings}.token_embedding.weight"
        ],
        "text/position_embedding/position_embedding": [
            f"{embeddings}.position_embedding.weight"
        ],
        **norm_names("text/final_norm", "text_model.final_layer_norm"),
        **_blocks("text", "text_model", blocks),
    }


def _text_of_siglip(blocks):
    return {
        **_text(blocks),
        **dense_names("text/output", "text_model.head"),
    }


_IMAGE_BLOCK = r"vision_model\.encoder\.layers\.(\d+)\."
_TEXT_BLOCK = r"text_model\.encoder\.layers\.(\d+)\."
_SCALE = {"logit_scale/log_scale": ["logit_scale"]}

CLIP = Layout(
    TowerNames(_image_of_clip, _IMAGE_BLOCK),
    TowerNames(_text, _TEXT_BLOCK),
    {
        "image/projection/kernel": ["visual_projection.weight"],
        "text/projection/kernel": ["text_projection.weight"],
        **_SCALE,
    },
)
SIGLIP = Layout(
    TowerNames(_image_of_siglip, _IMAGE_BLOCK),
    TowerNames(_text_of_siglip, _TEXT_BLOCK),
    _SCALE,
    scalar_shape=(1,),
    model="a SigLIP",
)


def of_one_tower(whole: Layout, tower: str, tensors: dict) -> Layout:
    """The layout of one tower of a model, with a projection or without.

    Args:
        whole: The layout of the model.
        tower: `"image"` or `"text"`.
        tensors: Dict of the tensors by their names.
    """
    name = {"image": "visual_projection", "text": "text_projection"}[tower]
    projection = f"{name}.weight"
    return whole._replace(
        image=whole.image if tower == "image" else None,
        text=whole.text if tower == "text" else None,
        other={f"{tower}/output/kernel": [projection]}
        if projection in tensors
        else {},
        model=f"the {tower} tower of {whole.model}",
    )
