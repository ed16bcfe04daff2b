"""Which of open_clip's published tags load, each architecture compared.

Each architecture is built with its own sizes but one block a tower, a
vocabulary of at most 50,000 and random weights, saved as open_clip saves it,
loaded by `CLIPModel.from_checkpoint`, and its embeddings are compared. Nothing
is downloaded. Run it in an environment with open_clip, see tests/peers.py:

    KERAS_BACKEND=torch python -m benchmarks.open_clip_tags [ARCHITECTURE ...]
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import torch

import keras_contrastive as kc
from benchmarks.peers import make_torchvision_importable

make_torchvision_importable()
os.environ["HF_HUB_OFFLINE"] = "1"

import open_clip  # noqa: E402
import timm  # noqa: E402
import transformers  # noqa: E402
from open_clip import hf_model  # noqa: E402
from open_clip.pretrained import _PRETRAINED  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

TOLERANCE = 1e-4


def shrunk(config):
    """One block a tower, and a vocabulary that fits into memory."""
    config = json.loads(json.dumps(config))
    if isinstance(config["vision_cfg"].get("layers"), list):
        config["vision_cfg"]["layers"] = [1, 1, 1, 1]
    else:
        config["vision_cfg"]["layers"] = 1
    text = config["text_cfg"]
    text["layers"] = 1
    text["vocab_size"] = min(text.get("vocab_size", 49408), 50_000)
    return config


def text_of_transformers(name):
    """The sizes that a model of this name has there, but one block."""
    if "roberta" not in name:
        raise ValueError(f"no sizes of {name}")
    width = 1024 if name.endswith("large") else 768
    return transformers.XLMRobertaConfig(
        vocab_size=50_000,
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )


def make(config):
    create = timm.create_model
    name = config["vision_cfg"].get("timm_model_name", "")
    small = {"depths": (1, 1, 1, 1)} if "convnext" in name else {"depth": 1}
    timm.create_model = lambda *args, **kwargs: create(
        *args, **{**small, **kwargs}
    )
    hf_model.AutoConfig.from_pretrained = text_of_transformers
    config = dict(config)
    is_hf = bool(config["text_cfg"].get("hf_model_name"))
    if is_hf:
        config["text_cfg"] |= {"hf_model_pretrained": False}
    is_custom = config.pop("custom_text", False) or is_hf
    try:
        torch.manual_seed(0)
        make_model = open_clip.CustomTextCLIP if is_custom else open_clip.CLIP
        return make_model(**config).eval()
    finally:
        timm.create_model = create


def difference(config, preprocessing):
    """The largest difference of embeddings; an error if it does not load."""
    config = shrunk(config)
    text = config["text_cfg"]
    model = make(config)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        settings = {"model_cfg": config, "preprocess_cfg": preprocessing}
        (folder / "open_clip_config.json").write_text(json.dumps(settings))
        state = {n: t.contiguous() for n, t in model.state_dict().items()}
        save_file(state, folder / "open_clip_model.safetensors")
        ours = kc.CLIPModel.from_checkpoint(folder)
    height, width, _ = ours.image_encoder.input_shape[1:]
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(1, height, width, 3)).astype("float32")
    tokens = rng.integers(3, 1000, (1, text.get("context_length", 77)))
    tokens[:, -1] = text.get("eos_id", 2)
    if text.get("pool_type", "argmax") == "argmax":
        tokens[:, -1] = text["vocab_size"] - 1
    pixels = images
    if ours.image_encoder.mean is not None:
        pixels = (images - ours.image_encoder.mean) / ours.image_encoder.std
    pixels = torch.tensor(pixels.transpose(0, 3, 1, 2)).float()
    with torch.no_grad():
        expected = (
            model.encode_image(pixels, normalize=True),
            model.encode_text(torch.tensor(tokens), normalize=True),
        )
    actual = (ours.image_tower(images), ours.encode_text(tokens))
    return max(
        np.abs(keras.ops.convert_to_numpy(one) - other.numpy()).max()
        for one, other in zip(actual, expected, strict=True)
    )


def main(names):
    loaded = total = 0
    for name, tags in _PRETRAINED.items():
        if names and name not in names:
            continue
        settings = next(iter(tags.values()))
        preprocessing = ("mean", "std", "interpolation", "resize_mode")
        total += len(tags)
        try:
            found = difference(
                open_clip.get_model_config(name),
                {key: settings.get(key) for key in preprocessing},
            )
        except Exception as error:  # also what open_clip cannot build
            print(f"{name:32} {len(tags):3}  no: {str(error)[:100]}")
            continue
        verdict = "loads" if found < TOLERANCE else "DIFFERS"
        print(f"{name:32} {len(tags):3}  {verdict}, {found:.1e}", flush=True)
        loaded += len(tags) * (found < TOLERANCE)
    print(f"{loaded} of {total} tags")


if __name__ == "__main__":
    main(sys.argv[1:])
