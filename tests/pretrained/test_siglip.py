"""SigLIP against transformers' SiglipModel, on the same weights."""

import json

import keras
import numpy as np
import pytest
import torch

import keras_contrastive as kc
from tests.peers import peer
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import embeddings
from tests.pretrained.helpers import logits
from tests.pretrained.helpers import normalized

transformers = peer("transformers")
pytest.importorskip("safetensors")

TOKENS = np.array([[3, 4, 1, 1, 1, 1], [7, 1, 1, 1, 1, 1], [1, 2, 3, 4, 9, 1]])
TOWER = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
}
VISION = {**TOWER, "image_size": 16, "patch_size": 8}
TEXT = {**TOWER, "vocab_size": 50, "max_position_embeddings": 6}
CONFIGS = {
    "siglip": {"vision_config": VISION, "text_config": TEXT},
    # As the largest of SigLIP 2: towers of different widths; and as the
    # so400m of SigLIP: pixels beyond the last patch.
    "siglip 2": {
        "vision_config": {
            **VISION,
            "patch_size": 5,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-3,
        },
        "text_config": {**TEXT, "hidden_size": 24, "projection_size": 16},
    },
}


def saved(folder, config, make=None):
    """A SiglipModel with random weights, and its folder."""
    torch.manual_seed(0)
    make = make or (
        lambda: transformers.SiglipModel(transformers.SiglipConfig(**config))
    )
    model = make()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    # In several parts, as large ones are.
    model.save_pretrained(folder, max_shard_size="20KB")
    assert (folder / "model.safetensors.index.json").exists()
    return model.eval()


def outputs_of(peer_model, pixels):
    with torch.no_grad():
        outputs = peer_model.eval()(
            input_ids=torch.tensor(TOKENS),
            pixel_values=torch.tensor(pixels.transpose(0, 3, 1, 2)).float(),
        )
    names = ("image_embeds", "text_embeds", "logits_per_image")
    return [outputs[name].numpy() for name in names]


def all_outputs(model):
    ours = embeddings(model, tokens=TOKENS)
    bias = keras.ops.convert_to_numpy(model.logit_scale.bias)
    return [*ours, logits(model, *ours) + bias]


@pytest.mark.one_case
@pytest.mark.parametrize("name", CONFIGS)
def test_equals_transformers_and_goes_back(name, tmp_path):
    peer_model = saved(tmp_path / "peer", CONFIGS[name])
    model = kc.CLIPModel.from_checkpoint(tmp_path / "peer")
    assert model.image_encoder.mean == (0.5, 0.5, 0.5)
    assert not model.augmenter.center_crop
    expected = outputs_of(peer_model, normalized(IMAGES, model))
    for actual, value in zip(all_outputs(model), expected, strict=True):
        np.testing.assert_allclose(actual, value, atol=1e-4)

    model.image_tower.trainable = False
    model.save_checkpoint(tmp_path / "ours")
    back = transformers.SiglipModel.from_pretrained(tmp_path / "ours")
    for actual, value in zip(
        outputs_of(back, normalized(IMAGES, model)), expected, strict=True
    ):
        np.testing.assert_allclose(actual, value, atol=1e-6)


def test_trains_and_is_kept_in_a_keras_file(tmp_path):
    saved(tmp_path / "peer", CONFIGS["siglip"])
    model = kc.CLIPModel.from_checkpoint(tmp_path / "peer")
    bias = float(model.logit_scale.bias)
    model.compile(keras.optimizers.Adam(1e-2), loss="siglip")
    assert float(model.logit_scale.bias) == bias
    history = model.fit(IMAGES, TOKENS, batch_size=3, epochs=30, verbose=0)
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(
        all_outputs(restored), all_outputs(model), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)
    with pytest.raises(ValueError, match="sizes that timm"):
        model.save_checkpoint(tmp_path / "ours", "open_clip")


# From names of transformers to those of open_clip with a tower of timm.
NAMES = [
    (
        "vision_model.embeddings.patch_embedding",
        "visual.trunk.patch_embed.proj",
    ),
    (
        "vision_model.embeddings.position_embedding.weight",
        "visual.trunk.pos_embed",
    ),
    ("vision_model.post_layernorm", "visual.trunk.norm"),
    ("vision_model.encoder.layers", "visual.trunk.blocks"),
    ("vision_model.head.probe", "visual.trunk.attn_pool.latent"),
    ("vision_model.head.attention.out_proj", "visual.trunk.attn_pool.proj"),
    ("vision_model.head.layernorm", "visual.trunk.attn_pool.norm"),
    ("vision_model.head.mlp", "visual.trunk.attn_pool.mlp"),
    ("text_model.embeddings.token_embedding", "text.token_embedding"),
    (
        "text_model.embeddings.position_embedding.weight",
        "text.positional_embedding",
    ),
    ("text_model.encoder.layers", "text.transformer.resblocks"),
    ("text_model.final_layer_norm", "text.ln_final"),
    ("text_model.head", "text.text_projection"),
]
PARTS = {
    "visual": [
        ("layer_norm1", "norm1"),
        ("layer_norm2", "norm2"),
        ("self_attn.qkv_proj", "attn.qkv"),
        ("self_attn.out_proj", "attn.proj"),
    ],
    "text": [
        ("layer_norm1", "ln_1"),
        ("layer_norm2", "ln_2"),
        ("self_attn.qkv_proj.", "attn.in_proj_"),
        ("self_attn.out_proj", "attn.out_proj"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
    ],
}


def as_in_open_clip(tensors):
    """The same weights by the names of open_clip."""
    pool = "visual.trunk.attn_pool"
    merged = {}
    for name, tensor in tensors.items():
        if ".q_proj." in name:
            merged[name.replace("q_proj", "qkv_proj")] = np.concatenate(
                [tensors[name.replace("q_proj", f"{p}_proj")] for p in "qkv"]
            )
        elif ".k_proj." not in name and ".v_proj." not in name:
            merged[name] = tensor
    renamed = {}
    for name, tensor in merged.items():
        for old, new in NAMES:
            name = name.replace(old, new)
        for old, new in PARTS.get(name.split(".")[0], []):
            name = name.replace(old, new)
        if "in_proj" in name and name.startswith("vision_model.head"):
            kind = name.split("_")[-1]
            width = len(tensor) // 3
            renamed[f"{pool}.q.{kind}"] = tensor[:width]
            renamed[f"{pool}.kv.{kind}"] = tensor[width:]
        else:
            renamed[name] = tensor
    renamed["visual.trunk.pos_embed"] = renamed["visual.trunk.pos_embed"][None]
    return renamed


@pytest.mark.one_backend
def test_the_files_of_open_clip_give_the_same(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    tower = {**TOWER, "hidden_size": 24}
    config = {
        "vision_config": {**VISION, **tower, "num_attention_heads": 12},
        "text_config": {**TEXT, **tower},
    }
    peer_model = saved(tmp_path / "peer", config)
    expected = all_outputs(kc.CLIPModel.from_checkpoint(tmp_path / "peer"))
    tensors = {n: t.numpy() for n, t in peer_model.state_dict().items()}
    folder = tmp_path / "open_clip"
    folder.mkdir()
    safetensors.save_file(
        {
            name: np.ascontiguousarray(tensor)
            for name, tensor in as_in_open_clip(tensors).items()
        },
        folder / "open_clip_model.safetensors",
    )
    model_cfg = {
        "embed_dim": 24,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 16,
            "timm_model_name": "vit_base_patch32_siglip_256",
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {
            "heads": 2,
            "vocab_size": 50,
            "no_causal_mask": True,
            "pool_type": "last",
            "proj_bias": True,
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
    }
    settings = {
        "model_cfg": model_cfg,
        "preprocess_cfg": {"mean": 0.5, "std": 0.5, "resize_mode": "squash"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    model = kc.CLIPModel.from_checkpoint(folder)
    for actual, value in zip(all_outputs(model), expected, strict=True):
        np.testing.assert_allclose(actual, value, atol=1e-5)
    assert not model.augmenter.center_crop
    bands = kc.CLIPModel.from_checkpoint(folder, channels=4)
    assert bands.image_encoder.input_shape[-1] == 4


@pytest.mark.one_backend
def test_reads_metaclip_2(tmp_path):
    """Its end id is 2, and is where texts are read."""
    tower = {**TOWER, "projection_dim": 8}
    config = transformers.MetaClip2Config(
        projection_dim=8,
        vision_config={**VISION, **tower},
        text_config={**TEXT, **tower, "eos_token_id": 2},
    )
    peer_model = saved(
        tmp_path, {}, lambda: transformers.MetaClip2Model(config)
    )
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    assert model.text_encoder.end_id == 2
    tokens = np.array([[0, 7, 2, 1, 1, 1], [0, 9, 8, 3, 2, 1]])
    with torch.no_grad():
        outputs = peer_model(
            input_ids=torch.tensor(tokens),
            pixel_values=torch.tensor(
                normalized(IMAGES, model).transpose(0, 3, 1, 2)
            ).float(),
        )
    for actual, name in zip(
        embeddings(model, tokens=tokens),
        ("image_embeds", "text_embeds"),
        strict=True,
    ):
        np.testing.assert_allclose(actual, outputs[name].numpy(), atol=1e-4)


@pytest.mark.one_backend
@pytest.mark.parametrize("resample", [2, 3])
def test_pixels_are_those_of_transformers(resample, tmp_path, rng):
    """The image is squeezed: SigLIP by a bicubic filter, SigLIP 2 bilinear."""
    from transformers.models.siglip import image_processing_pil_siglip

    saved(tmp_path, CONFIGS["siglip"])
    processor = image_processing_pil_siglip.SiglipImageProcessorPil(
        size={"height": 16, "width": 16}, resample=resample
    )
    processor.save_pretrained(tmp_path)
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    assert (
        model.augmenter.interpolation == {2: "bilinear", 3: "bicubic"}[resample]
    )
    coarse = rng.integers(64, 192, size=(8, 5, 3)).astype("uint8")
    image = np.kron(coarse, np.ones((5, 5, 1), "uint8"))
    pixels = processor(image, return_tensors="np")["pixel_values"][0]
    pixels = pixels.transpose(1, 2, 0) * 0.5 + 0.5
    ours = model.augmenter(image[None], training=False)[0]
    np.testing.assert_allclose(np.array(ours), pixels, atol=1.25 / 255)

    model.save_checkpoint(tmp_path / "ours")
    written = json.loads(
        (tmp_path / "ours" / "preprocessor_config.json").read_text()
    )
    assert written["image_processor_type"] == "SiglipImageProcessor"
    assert written["resample"] == resample
    assert written["size"] == {"height": 16, "width": 16}
    assert not written["do_center_crop"]
