"""The names of weights of CLIP's ResNets."""

import re

from keras_contrastive.pretrained.layout import TowerNames
from keras_contrastive.pretrained.layout import dense_names
from keras_contrastive.pretrained.layout import norm_names

_POOL = "visual.attnpool"
_BLOCK = re.compile(r"visual\.layer(\d)\.(\d+)\.")


def is_resnet(tensors: dict) -> bool:
    return f"{_POOL}.q_proj.weight" in tensors


def resnet_arguments(tensors: dict, head_width: int) -> dict:
    """The arguments of a `CLIPResNet`, except those of its images."""
    return {
        "stack_sizes": _stack_sizes(tensors),
        "output_dim": len(tensors[f"{_POOL}.c_proj.bias"]),
        "width": len(tensors["visual.conv3.weight"]),
        "num_heads": len(tensors[f"{_POOL}.q_proj.weight"]) // head_width,
    }


def _stack_sizes(tensors):
    """The blocks of the four stages."""
    sizes = [0, 0, 0, 0]
    for match in filter(None, map(_BLOCK.match, tensors)):
        stage, block = int(match[1]) - 1, int(match[2])
        sizes[stage] = max(sizes[stage], block + 1)
    return tuple(sizes)


def resnet_names(stack_sizes: tuple) -> TowerNames:
    """The names of an image tower with these numbers of blocks."""

    def names(_):
        pool, theirs = "image/pool", _POOL
        names = {
            f"{pool}/position_embedding": [f"{theirs}.positional_embedding"],
            **dense_names(f"{pool}/query", f"{theirs}.q_proj"),
            **dense_names(
                f"{pool}/key_value", f"{theirs}.k_proj", f"{theirs}.v_proj"
            ),
            **dense_names(f"{pool}/attention_output", f"{theirs}.c_proj"),
        }
        for i in (1, 2, 3):
            names |= _conv_norm(
                f"image/stem{i}", f"visual.conv{i}", f"visual.bn{i}"
            )
        for stage, blocks in enumerate(stack_sizes):
            for block in range(blocks):
                ours = f"image/stage{stage + 1}_block{block + 1}"
                theirs = f"visual.layer{stage + 1}.{block}"
                for i in (1, 2, 3):
                    names |= _conv_norm(
                        f"{ours}_{i}", f"{theirs}.conv{i}", f"{theirs}.bn{i}"
                    )
                if block == 0:
                    names |= _conv_norm(
                        f"{ours}_shortcut",
                        f"{theirs}.downsample.0",
                        f"{theirs}.downsample.1",
                    )
        return names

    return TowerNames(names, _BLOCK.pattern)


def _conv_norm(ours, conv, norm):
    return {
        f"{ours}_conv/kernel": [f"{conv}.weight"],
        **norm_names(f"{ours}_norm", norm),
        f"{ours}_norm/moving_mean": [f"{norm}.running_mean"],
        f"{ours}_norm/moving_variance": [f"{norm}.running_var"],
    }
