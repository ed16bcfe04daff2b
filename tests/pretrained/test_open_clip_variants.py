"""open_clip's SigLIP, CLIPA and timm's CLIP, on the same weights."""

import json

import keras
import numpy as np
import pytest
import torch

import keras_contrastive as kc
from keras_contrastive.pretrained.timm_towers import timm_tower
from tests.peers import peer
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import embeddings
from tests.pretrained.helpers import logits
from tests.pretrained.helpers import normalized
from tests.pretrained.test_open_clip import outputs_of

open_clip = peer("open_clip")
timm = pytest.importorskip("timm")
save_file = pytest.importorskip("safetensors.torch").save_file

TEXT = {
    "context_length": 6,
    "vocab_size": 50,
    "width": 32,
    "layers": 1,
    "heads": 2,
    "no_causal_mask": True,
}
SIGLIP_TEXT = {
    **TEXT,
    "proj_bias": True,
    "pool_type": "last",
    "norm_kwargs": {"eps": 1e-6},
    "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
    "tokenizer_kwargs": {"clean": "canonicalize"},
}
SIGLIP = {
    "timm_model_name": "vit_base_patch16_siglip_224",
    "timm_model_pretrained": False,
    "timm_pool": "map",
    "timm_proj": "none",
    "image_size": 16,
}
VISION = {"image_size": 16, "layers": 2, "width": 16, "patch_size": 8}
CONFIGS = {
    "SigLIP": {
        "embed_dim": 24,
        "vision_cfg": SIGLIP,
        "text_cfg": SIGLIP_TEXT,
        "init_logit_bias": -10,
        "custom_text": True,
    },
    "SigLIP 2": {
        "embed_dim": 24,
        "vision_cfg": {
            **SIGLIP,
            "timm_model_name": "vit_base_patch32_siglip_256",
        },
        "text_cfg": {**SIGLIP_TEXT, "act_kwargs": {"approximate": "tanh"}},
        "init_logit_bias": -10,
        "custom_text": True,
    },
    "SigLIP i18n": {
        "embed_dim": 24,
        "vision_cfg": SIGLIP,
        "text_cfg": {**SIGLIP_TEXT, "width": 24, "proj_type": "none"},
        "init_logit_bias": -10,
        "custom_text": True,
    },
    "CLIPA": {
        "embed_dim": 20,
        "vision_cfg": {
            **VISION,
            "head_width": 8,
            "no_ln_pre": True,
            "pool_type": "avg",
            "final_ln_after_pool": True,
        },
        "text_cfg": {**TEXT, "pool_type": "last"},
    },
    "mean": {
        "embed_dim": 20,
        "vision_cfg": {**VISION, "head_width": 8, "pool_type": "avg"},
        "text_cfg": {**TEXT, "act_kwargs": {"approximate": "tanh"}},
    },
    "MobileCLIP2-L-14": {
        "embed_dim": 20,
        "vision_cfg": {
            "timm_model_name": "vit_base_patch16_clip_224",
            "timm_pool": "token",
            "timm_proj": None,
            "image_size": 16,
        },
        "text_cfg": TEXT,
        "custom_text": True,
    },
    "ConvNeXt": {
        "embed_dim": 20,
        "vision_cfg": {
            "timm_model_name": "convnext_base",
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": 64,
        },
        "text_cfg": {**TEXT, "no_causal_mask": False},
    },
    "ConvNeXt with an MLP": {
        "embed_dim": 20,
        "vision_cfg": {
            "timm_model_name": "convnext_xxlarge",
            "timm_pool": "",
            "timm_proj": "mlp",
            "image_size": 64,
        },
        "text_cfg": {**TEXT, "proj_bias": True},
        "custom_text": True,
    },
    "linear head": {
        "embed_dim": 20,
        "vision_cfg": {
            "timm_model_name": "vit_base_patch16_clip_quickgelu_224",
            "timm_pool": "token",
            "timm_proj": "linear",
            "image_size": 16,
        },
        "text_cfg": TEXT,
        "quick_gelu": True,
    },
}


def make_peer(config, monkeypatch):
    """The peer's model, with a small tower of timm."""
    create = timm.create_model
    small = {"embed_dim": 24, "depth": 2, "img_size": 16, "patch_size": 8}
    if "convnext" in config["vision_cfg"].get("timm_model_name", ""):
        small = {"depths": (1, 2, 1, 1), "dims": (4, 6, 8, 10)}
    monkeypatch.setattr(
        timm, "create_model", lambda *a, **k: create(*a, **{**small, **k})
    )
    config = dict(config)
    make = open_clip.CLIP
    if config.pop("custom_text", False):
        make = open_clip.CustomTextCLIP
    torch.manual_seed(0)
    model = make(**config)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def save(peer_model, config, folder, **preprocessing):
    folder.mkdir(exist_ok=True)
    save_file(peer_model.state_dict(), folder / "open_clip_model.safetensors")
    settings = {"model_cfg": config, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.one_case
@pytest.mark.parametrize("name", CONFIGS)
def test_equals_open_clip_and_goes_back(name, tmp_path, monkeypatch):
    config = CONFIGS[name]
    peer_model = make_peer(config, monkeypatch)
    folder = save(
        peer_model,
        config,
        tmp_path / "peer",
        mean=[0.5] * 3,
        interpolation="bilinear",
        resize_mode="squash",
    )
    model = kc.CLIPModel.from_checkpoint(folder)
    assert not model.augmenter.center_crop
    assert model.augmenter.interpolation == "bilinear"
    size = model.image_encoder.input_shape[1]
    images = np.tile(IMAGES, (1, size // 16, size // 16, 1))
    images *= np.linspace(0, 1, size, dtype="float32")[:, None]
    expected = outputs_of(peer_model, normalized(images, model))
    ours = embeddings(model, images)
    for actual, value in zip(
        (*ours, logits(model, *ours)), expected, strict=True
    ):
        np.testing.assert_allclose(actual, value, atol=1e-4)
    if "init_logit_bias" in config:
        bias = keras.ops.convert_to_numpy(model.logit_scale.bias)
        np.testing.assert_allclose(bias, peer_model.logit_bias.item())

    if name in ("CLIPA", "mean"):
        model.save_checkpoint(tmp_path / "ours", "open_clip")
        back, _, _ = open_clip.create_model_and_transforms(
            f"local-dir:{tmp_path / 'ours'}"
        )
        for actual, value in zip(
            outputs_of(back, normalized(images, model)), expected, strict=True
        ):
            np.testing.assert_allclose(actual, value, atol=1e-5)
        with pytest.raises(ValueError, match="has no CLIP whose towers"):
            model.save_checkpoint(tmp_path / "theirs")


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "section, change, message",
    [
        (
            "vision_cfg",
            {"timm_model_name": "eva02_base_patch16_clip_224"},
            "`timm_model_name` .*such as 'vit_base_patch16_siglip",
        ),
        ("vision_cfg", {"timm_model_name": 1}, "`timm_model_name`"),
        ("vision_cfg", {"timm_pool": "avg"}, "`timm_pool`"),
        ("vision_cfg", {"timm_proj": "mlp"}, "`timm_proj`"),
        ("text_cfg", {"proj_bias": "no"}, "`proj_bias`"),
        ("text_cfg", {"hf_model_name": "roberta-base"}, "`hf_model_name`"),
    ],
)
def test_refuses_configurations(
    section, change, message, tmp_path, monkeypatch
):
    config = json.loads(json.dumps(CONFIGS["SigLIP"]))
    peer_model = make_peer(config, monkeypatch)
    config[section] |= change
    folder = save(peer_model, config, tmp_path)
    with pytest.raises(ValueError, match=message):
        kc.CLIPModel.from_checkpoint(folder)


@pytest.mark.one_backend
def test_knows_the_towers_of_timm():
    """Of each name that is read: heads, activation, epsilon and pooling."""
    known = {name: timm_tower(name) for name in timm.list_models("vit_*")}
    known = {name: tower for name, tower in known.items() if tower}
    assert sum(tower.is_siglip for tower in known.values()) >= 16
    activations = {
        "GELU": "gelu",
        "GELUTanh": "gelu_tanh",
        "QuickGELU": "quick_gelu",
    }
    for name, tower in known.items():
        with torch.device("meta"):
            model = timm.create_model(name, depth=1)
        block = model.blocks[0]
        activation = activations[type(block.mlp.act).__name__]
        assert tower.num_heads == block.attn.num_heads, name
        assert tower.activation == activation, name
        assert tower.layer_norm_epsilon == model.norm.eps, name
        assert tower.is_siglip == (model.global_pool == "map"), name
        assert tower.is_siglip == (model.cls_token is None), name


RESNET = {
    "embed_dim": 20,
    "quick_gelu": True,
    "vision_cfg": {
        "image_size": 64,
        "layers": [1, 2, 1, 1],
        "width": 8,
        "head_width": 32,
    },
    "text_cfg": {**TEXT, "no_causal_mask": False},
}


@pytest.mark.one_case
@pytest.mark.parametrize("form", ["open_clip", "OpenAI"])
def test_equals_resnets(form, tmp_path, rng, monkeypatch):
    config = json.loads(json.dumps(RESNET))
    if form == "OpenAI":  # whose heads have 64 units
        config["vision_cfg"]["head_width"] = 64
        config["text_cfg"] |= {"width": 64, "heads": 1}
    peer_model = make_peer(config, monkeypatch).eval()
    for name, buffer in peer_model.named_buffers():
        if "running" in name:
            buffer += torch.rand_like(buffer)
    folder = save(peer_model, config, tmp_path)
    if form == "OpenAI":
        (folder / "open_clip_config.json").unlink()
        sizes = {"input_resolution": 64, "context_length": 6, "vocab_size": 50}
        state = peer_model.state_dict()
        state |= {name: torch.tensor(size) for name, size in sizes.items()}
        save_file(state, folder / "open_clip_model.safetensors")
    model = kc.CLIPModel.from_checkpoint(folder)
    images = rng.uniform(size=(3, 64, 64, 3)).astype("float32")
    expected = outputs_of(peer_model, normalized(images, model))
    ours = embeddings(model, images)
    for actual, value in zip(
        (*ours, logits(model, *ours)), expected, strict=True
    ):
        np.testing.assert_allclose(actual, value, atol=1e-4)
    with pytest.raises(ValueError, match="CLIP, CLIPA or SigLIP"):
        model.save_checkpoint(tmp_path / "ours", "open_clip")
