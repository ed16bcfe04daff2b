"""Towers alone, as transformers saves them."""

import inspect

import keras
import numpy as np
import pytest
import torch

import keras_contrastive as kc
from tests.code_blocks import run_blocks
from tests.peers import peer
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import TOKENS
from tests.pretrained.helpers import config
from tests.pretrained.test_siglip import TEXT
from tests.pretrained.test_siglip import VISION
from tests.pretrained.test_siglip import saved

transformers = peer("transformers")
pytest.importorskip("safetensors")

pytestmark = pytest.mark.one_backend
load = kc.models.from_checkpoint

CLIP = config()
SETTINGS = {
    "CLIPVision": CLIP["vision_config"],
    "CLIPText": CLIP["text_config"],
    "MetaClip2Vision": {**VISION, "projection_dim": 8},
    "MetaClip2Text": {**TEXT, "projection_dim": 8, "eos_token_id": 49},
    "SiglipVision": VISION,
    "SiglipText": TEXT,
}
CASES = [
    *(f"{name}Model" for name in SETTINGS),
    *(f"CLIP{tower}ModelWithProjection" for tower in ("Vision", "Text")),
]


def make_peer(name, folder):
    kind = name.split("Model")[0]
    settings = getattr(transformers, f"{kind}Config")(**SETTINGS[kind])
    return saved(folder, {}, lambda: getattr(transformers, name)(settings))


@pytest.mark.parametrize("name", CASES)
def test_equals_transformers(name, tmp_path):
    peer_model = make_peer(name, tmp_path)
    encoder = load(tmp_path)
    with torch.no_grad():
        if "Vision" in name:
            pixels = (IMAGES - encoder.mean) / encoder.std
            outputs = peer_model(
                pixel_values=torch.tensor(pixels.transpose(0, 3, 1, 2)).float()
            )
            actual = encoder(IMAGES)
        else:
            outputs = peer_model(input_ids=torch.tensor(TOKENS))
            actual = encoder(TOKENS)
    key = "pooler_output"
    if "Projection" in name:
        key = "image_embeds" if "Vision" in name else "text_embeds"
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(actual), outputs[key].numpy(), atol=1e-4
    )
    with pytest.raises(ValueError, match="(tower alone|is of one tower)"):
        kc.CLIPModel.from_checkpoint(tmp_path)
    other = "text" if "Vision" in name else "image"
    with pytest.raises(ValueError, match=f"with the {other} tower. Received"):
        load(tmp_path, other)


def test_takes_a_tower_of_a_whole_model(tmp_path):
    whole = config()
    saved(
        tmp_path,
        {},
        lambda: transformers.CLIPModel(transformers.CLIPConfig(**whole)),
    )
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    for tower, inputs in (("image", IMAGES), ("text", TOKENS)):
        encoder = load(tmp_path, tower)
        expected = getattr(model, f"{tower}_encoder")(inputs)
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(encoder(inputs)),
            keras.ops.convert_to_numpy(expected),
        )
    assert load(tmp_path, "text", context_length=9).context_length == 9
    for arguments, message in (
        ((), "`tower` must be .* with both"),
        (("images",), "`tower` must be .*'images'"),
        (("image", 9), "`context_length` is of the text tower"),
    ):
        with pytest.raises(ValueError, match=message):
            load(tmp_path, *arguments)


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(inspect.getdoc(load), "from_checkpoint")
