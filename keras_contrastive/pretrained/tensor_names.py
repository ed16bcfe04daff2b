"""Removes wrapper prefixes from the names of a checkpoint's tensors."""

import re

# Modules of PyTorch's DistributedDataParallel and of torch.compile.
_WRAPPERS = {"module", "_orig_mod"}
# A name that occurs once in each CLIP.
_IMAGE_TOWER = re.compile(
    r"(.*\.)?(vision_model\.embeddings\.patch_embedding|visual\.conv1"
    r"|visual\.trunk\.patch_embed\.proj)\.weight"
)
_TOWERS = {
    "image": (
        "vision_model.embeddings.patch_embedding.weight",
        "visual.conv1.weight",
        "embeddings.patch_embedding.weight",
    ),
    "text": (
        "text_model.embeddings.token_embedding.weight",
        "token_embedding.weight",
        "text.token_embedding.weight",
        "embeddings.token_embedding.weight",
    ),
}
_OTHER_TOWER = {"image": "text", "text": "vis"}


def unwrapped(tensors: dict) -> dict:
    """Returns the tensors under the names of an unwrapped CLIP.

    Raises:
        ValueError: If they are a LoRA adapter, or a CLIP among other tensors.
    """
    adapters = [name for name in tensors if ".lora_" in name]
    if adapters:
        raise ValueError(
            "`path` must be a checkpoint of a whole CLIP. Received: the "
            f"weights of a LoRA adapter, such as {adapters[0]!r}; pass its "
            "model as `path`, and the adapter's folder as `adapter`"
        )
    plain = {}
    for name, tensor in tensors.items():
        parts = [part for part in name.split(".") if part not in _WRAPPERS]
        if ".".join(parts) in plain:
            raise ValueError(
                "The checkpoint must hold one CLIP. Received: tensors of "
                f"several, such as {'.'.join(parts)!r} and {name!r}"
            )
        plain[".".join(parts)] = tensor
    return _without_prefix(plain)


def _without_prefix(tensors):
    """Removes the common prefix before the names of a CLIP."""
    matches = map(_IMAGE_TOWER.fullmatch, tensors)
    prefixes = sorted({match[1] or "" for match in matches if match})
    if not prefixes or prefixes == [""]:
        return tensors
    others = [n for n in tensors if not n.startswith(prefixes[0])]
    if others or len(prefixes) > 1:
        raise ValueError(
            "The checkpoint must hold one CLIP and nothing else. Received: a "
            f"CLIP under {prefixes}, and other tensors {others[:5]}; save only "
            "the CLIP."
        )
    return {n.removeprefix(prefixes[0]): t for n, t in tensors.items()}


def check_towers(tensors: dict) -> None:
    """Raises if these are the tensors of a single tower."""
    for tower, marks in _TOWERS.items():
        has_other = any(n.startswith(_OTHER_TOWER[tower]) for n in tensors)
        others = [m for t, ms in _TOWERS.items() if t != tower for m in ms]
        if not tensors.keys().isdisjoint(marks) and not (
            has_other or tensors.keys() & others
        ):
            raise ValueError(
                "`path` must be a checkpoint of a whole CLIP, of both towers. "
                f"Received: the {tower} tower alone, as transformers' "
                "CLIPVisionModel and CLIPTextModel save one, with or without "
                "projection; `kc.models.from_checkpoint` loads it as an encoder"
            )
