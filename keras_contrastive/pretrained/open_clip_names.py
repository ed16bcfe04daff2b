"""The names of weights in open_clip's models, and in OpenAI's code."""

from keras_contrastive.pretrained.layout import Layout
from keras_contrastive.pretrained.layout import TowerNames
from keras_contrastive.pretrained.layout import dense_names
from keras_contrastive.pretrained.layout import norm_names

# The sizes in OpenAI's files, and buffers.
_IGNORED = (
    r"^(input_resolution|context_length|vocab_size|attn_mask)$"
    r"|\.num_batches_tracked$|\.position_ids$|\.token_type_ids$"
)


def _blocks(tower, model, count):
    names = {}
    for i in range(count):
        ours, theirs = f"{tower}/block{i + 1}", f"{model}.resblocks.{i}"
        names |= {
            **norm_names(f"{ours}/attention_norm", f"{theirs}.ln_1"),
            f"{ours}/qkv/kernel": [f"{theirs}.attn.in_proj_weight"],
            f"{ours}/qkv/bias": [f"{theirs}.attn.in_proj_bias"],
            **dense_names(
                f"{ours}/attention_output", f"{theirs}.attn.out_proj"
            ),
            **norm_names(f"{ours}/mlp_norm", f"{theirs}.ln_2"),
            **dense_names(f"{ours}/mlp_hidden", f"{theirs}.mlp.c_fc"),
            **dense_names(f"{ours}/mlp_output", f"{theirs}.mlp.c_proj"),
        }
    return names


def vision_transformer(has_initial_norm: bool) -> TowerNames:
    """open_clip's own vision transformer, with a first LayerNorm or not."""

    def names(blocks):
        initial_norm = norm_names("image/initial_norm", "visual.ln_pre")
        return {
            "image/patch_embedding/kernel": ["visual.conv1.weight"],
            "image/class_token/class_token": ["visual.class_embedding"],
            "image/position_embedding/position_embedding": [
                "visual.positional_embedding"
            ],
            **(initial_norm if has_initial_norm else {}),
            **norm_names("image/final_norm", "visual.ln_post"),
            **_blocks("image", "visual.transformer", blocks),
        }

    return TowerNames(names, r"visual\.transformer\.resblocks\.(\d+)\.")


def timm_vision_transformer(has_class_token: bool) -> TowerNames:
    """timm's: with a class token, or with SigLIP's attention pooling."""
    trunk = "visual.trunk"

    def names(blocks):
        names = {
            "image/patch_embedding/kernel": [
                f"{trunk}.patch_embed.proj.weight"
            ],
            "image/position_embedding/position_embedding": [
                f"{trunk}.pos_embed"
            ],
            **norm_names("image/final_norm", f"{trunk}.norm"),
        }
        if has_class_token:
            names |= {
                "image/class_token/class_token": [f"{trunk}.cls_token"],
                **norm_names("image/initial_norm", f"{trunk}.norm_pre"),
            }
        else:
            pool, theirs = "image/pool", f"{trunk}.attn_pool"
            names |= {
                "image/patch_embedding/bias": [
                    f"{trunk}.patch_embed.proj.bias"
                ],
                f"{pool}/probe": [f"{theirs}.latent"],
                **dense_names(f"{pool}/query", f"{theirs}.q"),
                **dense_names(f"{pool}/key_value", f"{theirs}.kv"),
                **dense_names(f"{pool}/attention_output", f"{theirs}.proj"),
                **norm_names(f"{pool}/mlp_norm", f"{theirs}.norm"),
                **dense_names(f"{pool}/mlp_hidden", f"{theirs}.mlp.fc1"),
                **dense_names(f"{pool}/mlp_output", f"{theirs}.mlp.fc2"),
            }
        for i in range(blocks):
            ours, theirs = f"image/block{i + 1}", f"{trunk}.blocks.{i}"
            names |= {
                **norm_names(f"{ours}/attention_norm", f"{theirs}.norm1"),
                **dense_names(f"{ours}/qkv", f"{theirs}.attn.qkv"),
                **dense_names(
                    f"{ours}/attention_output", f"{theirs}.attn.proj"
                ),
                **norm_names(f"{ours}/mlp_norm", f"{theirs}.norm2"),
                **dense_names(f"{ours}/mlp_hidden", f"{theirs}.mlp.fc1"),
                **dense_names(f"{ours}/mlp_output", f"{theirs}.mlp.fc2"),
            }
        return names

    return TowerNames(names, r"visual\.trunk\.blocks\.(\d+)\.")


def _text(blocks):
    return {
        "text/token_embedding/embeddings": ["token_embedding.weight"],
        "text/position_embedding/position_embedding": ["positional_embedding"],
        **norm_names("text/final_norm", "ln_final"),
        **_blocks("text", "transformer", blocks),
    }


_TEXT = TowerNames(_text, r"transformer\.resblocks\.(\d+)\.")


def layout(
    image: TowerNames,
    image_projection: tuple[str, str] = ("matrix", "visual.proj"),
    text_projection: tuple[str, str] = ("matrix", "text_projection"),
    text: TowerNames = _TEXT,
) -> Layout:
    """The layout of one of open_clip's models.

    Args:
        image: The names of the image tower.
        image_projection: What follows the tower, and its name: `"matrix"`;
            `"linear"` and `"biased"`, a linear layer without and with a bias;
            or `"none"`.
        text_projection: The same for the text tower.
        text: The names of the text tower.
    """
    # If both are matrices, they are the projections of a `CLIPModel`. Otherwise
    # each is the last layer of its encoder, which has a bias here.
    kinds = {image_projection[0], text_projection[0]}
    part = "projection" if kinds <= {"matrix", "linear"} else "output"
    other = {"logit_scale/log_scale": ["logit_scale"]}
    plain = set()
    for tower, (kind, theirs) in (
        ("image", image_projection),
        ("text", text_projection),
    ):
        ours = f"{tower}/{part}"
        if kind == "matrix":
            other[f"{ours}/kernel"] = [theirs]
            plain.add(f"{ours}/kernel")
        elif kind == "linear":
            other[f"{ours}/kernel"] = [f"{theirs}.weight"]
        elif kind == "biased":
            other |= dense_names(ours, theirs)
    return Layout(
        image,
        text,
        other,
        frozenset(plain),
        ignored=_IGNORED,
    )
