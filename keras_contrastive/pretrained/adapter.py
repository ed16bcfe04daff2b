"""A LoRA adapter of peft, added to the weights of its model."""

import math
import os
import re
from pathlib import Path

from keras_contrastive.json_files import POSITIVE_NUMBER
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import value_of
from keras_contrastive.pretrained.configuration import check_setting
from keras_contrastive.pretrained.files import check_dtypes
from keras_contrastive.pretrained.files import read_tensors

FILE = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
# The prefix that peft adds to the names of the model's modules.
_PREFIX = "base_model.model."
_FIRST_FACTOR = re.compile(r"(.*)\.(lora_A\.weight|lora_embedding_A)")
# Variants of LoRA that compute something else, and their unset values.
_EXPECTED = {
    "peft_type": ["LORA"],
    "use_dora": [False, None],
    "use_qalora": [False, None],
    "use_bdlora": [None],
    "layer_replication": [None],
    "alora_invocation_tokens": [None],
    "arrow_config": [None],
    "kasa_config": [None],
    "monteclora_config": [None],
}


def with_adapter(tensors: dict, folder: str | os.PathLike) -> dict:
    """The tensors of a model, with an adapter added as peft merges it.

    Args:
        tensors: Dict from the model's own names to arrays.
        folder: The folder that `PeftModel.save_pretrained` wrote.

    Raises:
        ValueError: If the folder has no adapter, or its adapter is not LoRA or
            belongs to another model.
    """
    path = Path(folder).expanduser()
    config = read_json(path / FILE)
    if config is None or not (path / _WEIGHTS).is_file():
        raise ValueError(
            f"`adapter` must be a folder with {FILE} and {_WEIGHTS}, as peft's "
            f"`save_pretrained` writes it. Received: {os.fspath(folder)!r}"
        )
    check_setting(FILE, "the adapter", config, _EXPECTED)
    weights = read_tensors(path / _WEIGHTS)
    check_dtypes(weights)
    rest = {
        name.removeprefix(_PREFIX).replace(".base_layer", ""): tensor
        for name, tensor in weights.items()
    }
    merged = dict(tensors)
    for name in list(rest):
        match = _FIRST_FACTOR.fullmatch(name)
        if match is not None:
            _add(merged, config, match[1], name, rest)
    # Weights that were trained without factors: `modules_to_save`, biases.
    for name, tensor in rest.items():
        _check_is_of(merged, name, name, tensor.size)
        merged[name] = tensor
    return merged


def _add(merged, config, module, name, rest):
    """Adds the product of two factors, taken from `rest`, to a weight."""
    is_embedding = name.endswith("lora_embedding_A")
    first = rest.pop(name)
    other = (
        name[: -len("A")] + "B" if is_embedding else f"{module}.lora_B.weight"
    )
    second = rest.pop(other, None)
    if second is None:
        raise ValueError(
            "The adapter must have both factors of each update. Received: "
            f"{name} without {other}"
        )
    scale = _scale(config, module, len(first))
    first, second = (
        x.reshape(len(x), -1).astype("float32") for x in (first, second)
    )
    update = scale * (second @ first)
    if is_embedding or config.get("fan_in_fan_out"):
        update = update.T
    if f"{module}.in_proj_weight" in merged:
        raise ValueError(
            "`adapter` must be of linear layers, convolutions and embeddings. "
            f"Received: an adapter of the MultiheadAttention {module}, whose "
            "output projection peft 0.21 adds twice; merge it with peft's "
            "`merge_and_unload`"
        )
    target = f"{module}.weight"
    _check_is_of(merged, name, target, update.size)
    weight = merged[target]
    merged[target] = weight.astype("float32") + update.reshape(weight.shape)
    shift = rest.pop(f"{module}.lora_B.bias", None)
    if shift is not None:
        bias = f"{module}.bias"
        _check_is_of(merged, name, bias, shift.size)
        merged[bias] = merged[bias].astype("float32") + scale * shift


def _scale(config, module, rank):
    # peft's default is 8.
    alpha = value_of(config, "lora_alpha", 8, POSITIVE_NUMBER, FILE)
    patterns = config.get("alpha_pattern") or {}
    for pattern in patterns:
        if re.match(rf"(.*\.)?({pattern})$", module):
            place = f"alpha_pattern in {FILE}"
            alpha = value_of(patterns, pattern, None, POSITIVE_NUMBER, place)
            break
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _check_is_of(tensors, name, target, size):
    """Raises unless a tensor of the adapter fits a tensor of the model."""
    if target not in tensors or tensors[target].size != size:
        found = tensors[target].shape if target in tensors else "no such weight"
        raise ValueError(
            "`adapter` must be of the checkpoint's model. Received: one with "
            f"{name} for {target}, where the checkpoint has {found}"
        )
