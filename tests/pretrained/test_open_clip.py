"""Against open_clip's CLIP, on the same weights."""

import json

import numpy as np
import pytest
import torch

import keras_contrastive as kc
from tests.peers import peer
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import TOKENS
from tests.pretrained.helpers import embeddings
from tests.pretrained.helpers import logits
from tests.pretrained.helpers import normalized

open_clip = peer("open_clip")
save_file = pytest.importorskip("safetensors.torch").save_file

VISION = {"image_size": 16, "layers": 1, "width": 16, "patch_size": 8}
TEXT = {"context_length": 6, "vocab_size": 50, "width": 32, "layers": 1}
CONFIGS = {
    "openai": {
        "embed_dim": 24,
        "quick_gelu": True,
        "vision_cfg": {**VISION, "head_width": 8},
        "text_cfg": {**TEXT, "heads": 2},
    },
    "gelu": {
        "embed_dim": 24,
        "vision_cfg": {
            **VISION,
            "layers": 2,
            "head_width": 4,
            "patch_size": 4,
            "mlp_ratio": 2.6,
            "norm_kwargs": {"eps": 1e-3},
        },
        "text_cfg": {**TEXT, "heads": 4, "pool_type": "eos", "eos_id": 49},
        "init_logit_bias": -3.0,
        "custom_text": True,
    },
}


def outputs_of(peer_model, pixels):
    with torch.no_grad():
        image, text = (
            encode(inputs, normalize=True)
            for encode, inputs in (
                (
                    peer_model.eval().encode_image,
                    torch.tensor(pixels.transpose(0, 3, 1, 2)).float(),
                ),
                (peer_model.encode_text, torch.tensor(TOKENS)),
            )
        )
        similarity = peer_model.logit_scale.exp() * image @ text.T
    return [each.numpy() for each in (image, text, similarity)]


@pytest.mark.parametrize("name", CONFIGS)
def test_equals_open_clip_and_goes_back(name, tmp_path):
    torch.manual_seed(0)
    config = dict(CONFIGS[name])
    custom = config.pop("custom_text", False)
    make = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    peer_model = make(**config)
    for parameter in peer_model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    save_file(peer_model.state_dict(), tmp_path / "open_clip_model.safetensors")
    settings = {
        "model_cfg": CONFIGS[name],
        "preprocess_cfg": {"mean": [0.5] * 3},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps(settings))

    model = kc.CLIPModel.from_checkpoint(tmp_path)
    assert model.image_encoder.mean == (0.5, 0.5, 0.5)
    expected = outputs_of(peer_model, normalized(IMAGES, model))
    ours = embeddings(model)
    for actual, value in zip(
        (*ours, logits(model, *ours)), expected, strict=True
    ):
        np.testing.assert_allclose(actual, value, atol=1e-4)

    model.save_checkpoint(tmp_path / "ours", format="open_clip")
    back, _, _ = open_clip.create_model_and_transforms(
        f"local-dir:{tmp_path / 'ours'}"
    )
    for actual, value in zip(
        outputs_of(back, normalized(IMAGES, model)), expected, strict=True
    ):
        np.testing.assert_allclose(actual, value, atol=1e-5)
    if "init_logit_bias" in config:
        assert back.logit_bias.item() == peer_model.logit_bias.item()


@pytest.mark.parametrize("shape", [(33, 47), (40, 20)])
def test_preprocessing_is_that_of_open_clip(shape, rng):
    from open_clip.transform import image_transform
    from PIL import Image

    transform = image_transform(
        16, is_train=False, mean=(0, 0, 0), std=(1,) * 3
    )
    coarse = rng.integers(64, 192, size=(9, 9, 3)).astype("uint8")
    image = Image.fromarray(coarse).resize(shape[::-1])
    layer = kc.layers.RandomResizedCrop(
        16, 16, interpolation="bicubic", center_crop=True
    )
    actual = layer(np.asarray(image)[None], training=False)[0]
    expected = transform(image).numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(np.array(actual), expected, atol=1.25 / 255)
