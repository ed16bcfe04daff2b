"""The vision transformers of timm that open_clip's models use."""

import re
from typing import NamedTuple

_NAME = re.compile(
    r"vit_(base|large|so400m|giantopt|huge|giant|gigantic)_patch(\d+)_"
    r"(siglip|clip|clip_quickgelu)_(\d+)"
)
_HEADS = {
    "siglip": {"base": 12, "large": 16, "so400m": 16, "giantopt": 16},
    "clip": {"base": 12, "large": 16, "huge": 16, "giant": 16, "gigantic": 16},
}
# SigLIP's towers of these sizes have the tanh approximation of GELU in timm.
# The others have GELU itself, although all were trained with the approximation.
_TANH = re.compile(
    r"vit_(base_patch32_siglip_256|large_patch16_siglip_512"
    r"|(so400m|giantopt)_patch16_siglip_\d+)"
)


class TimmTower(NamedTuple):
    """The properties that the name of a timm model determines.

    Attributes:
        is_siglip: Whether the tower is SigLIP's, with attention pooling, or
            CLIP's, with a class token.
        num_heads: Int.
        activation: Name of our activation.
        layer_norm_epsilon: Float.
    """

    is_siglip: bool
    num_heads: int
    activation: str
    layer_norm_epsilon: float


def timm_tower(name: str) -> TimmTower | None:
    """The properties of a timm model by its name, or `None` if unknown."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    size, _, kind, _ = match.groups()
    is_siglip = kind == "siglip"
    heads = _HEADS["siglip" if is_siglip else "clip"].get(size)
    if heads is None:
        return None
    if is_siglip:
        activation = "gelu_tanh" if _TANH.fullmatch(name) else "gelu"
    else:
        activation = "quick_gelu" if kind == "clip_quickgelu" else "gelu"
    return TimmTower(is_siglip, heads, activation, 1e-6 if is_siglip else 1e-5)
