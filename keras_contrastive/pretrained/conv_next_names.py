"""ConvNeXts of timm: their sizes, and the names of their weights."""

import re

from keras_contrastive.pretrained.layout import TowerNames
from keras_contrastive.pretrained.layout import dense_names
from keras_contrastive.pretrained.layout import norm_names

_MODEL = re.compile(r"convnext_(tiny|small|base|large|xlarge|xxlarge)")
_BLOCK = re.compile(r"visual\.trunk\.stages\.(\d)\.blocks\.(\d+)\.conv_dw\.w")


def conv_next_epsilon(name: str) -> float | None:
    """The epsilon of the LayerNorms of a timm model, `None` for others."""
    match = _MODEL.fullmatch(name)
    if match is None:
        return None
    return 1e-5 if match[1] == "xxlarge" else 1e-6


def conv_next_arguments(tensors: dict) -> dict:
    """The sizes of a `ConvNeXt`, except those of its images."""
    sizes, widths = [0] * 4, [0] * 4
    for name, tensor in tensors.items():
        match = _BLOCK.match(name)
        if match:
            stage, block = int(match[1]), int(match[2])
            sizes[stage] = max(sizes[stage], block + 1)
            widths[stage] = len(tensor)
    hidden = tensors.get("visual.head.mlp.fc1.bias")
    return {
        "stack_sizes": tuple(sizes),
        "widths": tuple(widths),
        "hidden_dim": None if hidden is None else len(hidden),
    }


def conv_next_names(stack_sizes: tuple, projection: str) -> TowerNames:
    """The names of an image tower with these numbers of blocks.

    Args:
        stack_sizes: Tuple of four ints.
        projection: Name of the last linear layer.
    """

    def names(_):
        trunk = "visual.trunk"
        names = {
            **dense_names("image/stem_conv", f"{trunk}.stem.0"),
            **norm_names("image/stem_norm", f"{trunk}.stem.1"),
            **norm_names("image/final_norm", f"{trunk}.head.norm"),
        }
        if projection == "visual.head.mlp.fc2":
            names |= dense_names("image/hidden", "visual.head.mlp.fc1")
        for stage, blocks in enumerate(stack_sizes):
            ours, theirs = f"image/stage{stage + 1}", f"{trunk}.stages.{stage}"
            if stage > 0:
                first = f"{ours}_block1_downsample"
                down = f"{theirs}.downsample"
                names |= norm_names(f"{first}_norm", f"{down}.0")
                names |= dense_names(f"{first}_conv", f"{down}.1")
            for i in range(blocks):
                name, block = f"{ours}_block{i + 1}", f"{theirs}.blocks.{i}"
                names |= {
                    **dense_names(f"{name}_depthwise", f"{block}.conv_dw"),
                    **norm_names(f"{name}_norm", f"{block}.norm"),
                    **dense_names(f"{name}_mlp_hidden", f"{block}.mlp.fc1"),
                    **dense_names(f"{name}_mlp_output", f"{block}.mlp.fc2"),
                    f"{name}_scale/gamma": [f"{block}.gamma"],
                }
        return names

    return TowerNames(names, _BLOCK.pattern)
