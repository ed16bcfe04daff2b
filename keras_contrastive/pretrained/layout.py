"""The names of CLIP's weights, in this package and two other libraries."""

import re
from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """How a library names CLIP's weights, and their layout.

    Attributes:
        names: Callable from the numbers of blocks of the image and the text
            tower to a dict from our names to lists of theirs: a weight of ours
            is the concatenation of theirs along the first axis.
        blocks: Patterns of the names of blocks, for the image tower and for
            the text tower.
        transposed_projections: Whether a projection has the layout of other
            linear layers in PyTorch, `(out, in)`.
        ignored: Pattern of the names of tensors that are not weights.
    """

    names: object
    blocks: tuple[str, str]
    transposed_projections: bool
    ignored: str

    def from_theirs(self, tensors):
        """Converts tensors by their names to float32 weights by our names.

        Raises:
            ValueError: If a tensor is missing or there is one too many.
        """
        names = self.names(*(_count(tensors, p) for p in self.blocks))
        if "logit_bias" in tensors:
            names["logit_scale/bias"] = ["logit_bias"]
        known = {theirs for several in names.values() for theirs in several}
        missing = sorted(known - set(tensors))
        unknown = sorted(
            name
            for name in set(tensors) - known
            if not re.search(self.ignored, name)
        )
        if missing or unknown:
            raise ValueError(
                "The checkpoint must have the weights of a CLIP whose image "
                "tower is a vision transformer. Received: one without "
                f"{missing[:5]} and with {unknown[:5]} besides"
            )
        return {
            ours: self._to_ours(
                ours,
                np.concatenate(
                    [np.atleast_1d(tensors[name]) for name in theirs]
                ).astype("float32"),
            )
            for ours, theirs in names.items()
        }

    def to_theirs(self, weights, image_blocks, text_blocks):
        """Converts weights by our names to tensors by their names."""
        names = self.names(image_blocks, text_blocks)
        if "logit_scale/bias" in weights:
            names["logit_scale/bias"] = ["logit_bias"]
        tensors = {}
        for ours, theirs in names.items():
            whole = self._to_theirs(ours, weights[ours])
            parts = np.split(whole, len(theirs)) if len(theirs) > 1 else [whole]
            tensors.update(
                (name, np.asarray(part, order="C"))
                for name, part in zip(theirs, parts, strict=True)
            )
        return tensors

    def _to_ours(self, name, tensor):
        if name.startswith("logit_scale/"):
            return tensor.reshape(())
        if name.endswith("class_token"):
            return tensor[None, None]
        if name.endswith("patch_embedding/kernel"):
            return tensor.transpose(2, 3, 1, 0)
        return tensor.T if self._is_transposed(name) else tensor

    def _to_theirs(self, name, weight):
        if name.endswith("class_token"):
            return weight[0, 0]
        if name.endswith("patch_embedding/kernel"):
            return weight.transpose(3, 2, 0, 1)
        return weight.T if self._is_transposed(name) else weight

    def _is_transposed(self, name):
        if name.endswith("projection/kernel"):
            return self.transposed_projections
        return name.endswith("/kernel")


def _count(tensors, pattern):
    numbers = [re.match(pattern, name) for name in tensors]
    return 1 + max((int(match[1]) for match in numbers if match), default=-1)


def _norm(ours, theirs):
    return {
        f"{ours}/gamma": [f"{theirs}.weight"],
        f"{ours}/beta": [f"{theirs}.bias"],
    }


def _dense(ours, *theirs):
    return {
        f"{ours}/kernel": [f"{name}.weight" for name in theirs],
        f"{ours}/bias": [f"{name}.bias" for name in theirs],
    }


def _transformers_names(image_blocks, text_blocks):
    image, text = "vision_model.embeddings", "text_model.embeddings"
    names = {
        "image/patch_embedding/kernel": [f"{image}.patch_embedding.weight"],
        "image/class_token/class_token": [f"{image}.class_embedding"],
        "image/position_embedding/position_embedding": [
            f"{image}.position_embedding.weight"
        ],
        **_norm("image/initial_norm", "vision_model.pre_layrnorm"),
        **_norm("image/final_norm", "vision_model.post_layernorm"),
        "image/projection/kernel": ["visual_projection.weight"],
        "text/token_embedding/embeddings": [f"{text}.token_embedding.weight"],
        "text/position_embedding/position_embedding": [
            f"{text}.position_embedding.weight"
        ],
        **_norm("text/final_norm", "text_model.final_layer_norm"),
        "text/projection/kernel": ["text_projection.weight"],
        "logit_scale/log_scale": ["logit_scale"],
    }
    for tower, model, blocks in (
        ("image", "vision_model", image_blocks),
        ("text", "text_model", text_blocks),
    ):
        for i in range(blocks):
            ours, theirs = (
                f"{tower}/block{i + 1}",
                f"{model}.encoder.layers.{i}",
            )
            attention = f"{theirs}.self_attn"
            names |= {
                **_norm(f"{ours}/attention_norm", f"{theirs}.layer_norm1"),
                **_dense(
                    f"{ours}/qkv",
                    *(f"{attention}.{part}_proj" for part in "qkv"),
                ),
                **_dense(f"{ours}/attention_output", f"{attention}.out_proj"),
                **_norm(f"{ours}/mlp_norm", f"{theirs}.layer_norm2"),
                **_dense(f"{ours}/mlp_hidden", f"{theirs}.mlp.fc1"),
                **_dense(f"{ours}/mlp_output", f"{theirs}.mlp.fc2"),
            }
    return names


def _open_clip_names(image_blocks, text_blocks):
    names = {
        "image/patch_embedding/kernel": ["visual.conv1.weight"],
        "image/class_token/class_token": ["visual.class_embedding"],
        "image/position_embedding/position_embedding": [
            "visual.positional_embedding"
        ],
        **_norm("image/initial_norm", "visual.ln_pre"),
        **_norm("image/final_norm", "visual.ln_post"),
        "image/projection/kernel": ["visual.proj"],
        "text/token_embedding/embeddings": ["token_embedding.weight"],
        "text/position_embedding/position_embedding": ["positional_embedding"],
        **_norm("text/final_norm", "ln_final"),
        "text/projection/kernel": ["text_projection"],
        "logit_scale/log_scale": ["logit_scale"],
    }
    for tower, model, blocks in (
        ("image", "visual.transformer", image_blocks),
        ("text", "transformer", text_blocks),
    ):
        for i in range(blocks):
            ours, theirs = f"{tower}/block{i + 1}", f"{model}.resblocks.{i}"
            names |= {
                **_norm(f"{ours}/attention_norm", f"{theirs}.ln_1"),
                f"{ours}/qkv/kernel": [f"{theirs}.attn.in_proj_weight"],
                f"{ours}/qkv/bias": [f"{theirs}.attn.in_proj_bias"],
                **_dense(f"{ours}/attention_output", f"{theirs}.attn.out_proj"),
                **_norm(f"{ours}/mlp_norm", f"{theirs}.ln_2"),
                **_dense(f"{ours}/mlp_hidden", f"{theirs}.mlp.c_fc"),
                **_dense(f"{ours}/mlp_output", f"{theirs}.mlp.c_proj"),
            }
    return names


TRANSFORMERS = Layout(
    _transformers_names,
    (
        r"vision_model\.encoder\.layers\.(\d+)\.",
        r"text_model\.encoder\.layers\.(\d+)\.",
    ),
    transposed_projections=True,
    ignored=r"\.position_ids$",
)
# Also the names in OpenAI's code, whose files hold three sizes as well.
OPEN_CLIP = Layout(
    _open_clip_names,
    (
        r"visual\.transformer\.resblocks\.(\d+)\.",
        r"transformer\.resblocks\.(\d+)\.",
    ),
    transposed_projections=False,
    ignored=r"^(input_resolution|context_length|vocab_size|attn_mask)$",
)
