"""The names of weights in open_clip's models, and in OpenAI's code."""

from keras_contrastive.pretrained.layout import Layout
from keras_contrastive.pretrained.layout import TowerNames
from keras_contrastive.pretrained.layout import dense_names
from keras_contrastive.pretrained.layout import norm_names
from keras_contrastive.pretrained.resnet_names import resnet

# The sizes in OpenAI's files, and buffers.
_IGNORED = (
    r"^(input_resolution|context_length|vocab_size|attn_mask)$"
    r"|\.num_batches_tracked$"
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


def _image(has_initial_norm):
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


def _timm_image(has_class_token):
    """A timm vision transformer: of a CLIP, or SigLIP's."""
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


def layout(
    image: str = "open_clip",
    has_initial_norm: bool = True,
    image_projection: str = "matrix",
    text_projection: str = "matrix",
    stack_sizes: tuple | None = None,
) -> Layout:
    """The layout of one of open_clip's models.

    Args:
        image: `"open_clip"` for its own vision transformer; `"timm"` and
            `"timm_siglip"` for timm's, with a class token and with attention
            pooling.
        has_initial_norm: Whether open_clip's transformer has a LayerNorm before
            its blocks.
        image_projection: `"matrix"`; `"linear"` and `"biased"` for a linear
            layer after timm's transformer without and with a bias; or
            `"none"`.
        text_projection: `"matrix"`, `"biased"` for a linear layer with a bias,
            or `"none"`.
        stack_sizes: Tuple of ints, the blocks of the stages of a ResNet, which
            the image tower is then.
    """
    if stack_sizes is not None:
        # Its projection is part of the pooling.
        image_names, image_projection = resnet(stack_sizes), "none"
    elif image == "open_clip":
        image_names = _image(has_initial_norm)
    else:
        image_names = _timm_image(has_class_token=image == "timm")
    # Two matrices are the projections of a `CLIPModel`. Otherwise each tower
    # ends with what it has, which are layers with a bias here.
    free = {"matrix", "linear"}
    are_projections = {image_projection, text_projection} <= free
    part = "projection" if are_projections else "output"
    other = {"logit_scale/log_scale": ["logit_scale"]}
    plain = set()
    for tower, projection, matrix, linear, biased in (
        (
            "image",
            image_projection,
            "visual.proj",
            "visual.head.proj",
            "visual.trunk.head",
        ),
        ("text", text_projection, "text_projection", None, "text_projection"),
    ):
        name = f"{tower}/{part}"
        if projection == "matrix":
            other[f"{name}/kernel"] = [matrix]
            plain.add(f"{name}/kernel")
        elif projection == "linear":
            other[f"{name}/kernel"] = [f"{linear}.weight"]
        elif projection == "biased":
            other |= dense_names(name, biased)
    return Layout(
        image_names,
        TowerNames(_text, r"transformer\.resblocks\.(\d+)\."),
        other,
        frozenset(plain),
        ignored=_IGNORED,
    )
