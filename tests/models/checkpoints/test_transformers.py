"""Against Hugging Face's CLIPModel, on the same weights."""

import json

import numpy as np
import pytest
import torch

import keras_contrastive as kc
from tests.models.checkpoints.helpers import CONFIGS
from tests.models.checkpoints.helpers import IMAGES
from tests.models.checkpoints.helpers import TOKENS
from tests.models.checkpoints.helpers import embeddings
from tests.models.checkpoints.helpers import logits
from tests.models.checkpoints.helpers import normalized
from tests.peers import peer

transformers = peer("transformers")
pytest.importorskip("safetensors")


def outputs_of(peer_model, pixels):
    with torch.no_grad():
        outputs = peer_model.eval()(
            input_ids=torch.tensor(TOKENS),
            pixel_values=torch.tensor(pixels.transpose(0, 3, 1, 2)).float(),
        )
    return [
        outputs[name].numpy()
        for name in ("image_embeds", "text_embeds", "logits_per_image")
    ]


@pytest.mark.parametrize("name", CONFIGS)
def test_equals_transformers_and_goes_back(name, tmp_path):
    torch.manual_seed(0)
    peer_model = transformers.CLIPModel(
        transformers.CLIPConfig(**CONFIGS[name])
    )
    for parameter in peer_model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    # In several parts, as large ones are.
    peer_model.save_pretrained(tmp_path / "peer", max_shard_size="20KB")
    assert (tmp_path / "peer" / "model.safetensors.index.json").exists()

    model = kc.CLIPModel.from_checkpoint(tmp_path / "peer")
    expected = outputs_of(peer_model, normalized(IMAGES, model))
    ours = embeddings(model)
    for actual, value in zip(
        (*ours, logits(model, *ours)), expected, strict=True
    ):
        np.testing.assert_allclose(actual, value, atol=1e-4)

    model.save_checkpoint(tmp_path / "ours")
    back = transformers.CLIPModel.from_pretrained(tmp_path / "ours")
    for actual, value in zip(
        outputs_of(back, normalized(IMAGES, model)), expected, strict=True
    ):
        np.testing.assert_allclose(actual, value, atol=1e-6)


def test_preprocessing_goes_back(tmp_path, rng):
    model = kc.CLIPModel(
        kc.models.VisionTransformer(
            8, 16, 1, 2, input_shape=(16, 16, 3), mean=[0.5] * 3, std=[0.2] * 3
        ),
        kc.models.TextTransformer(50, 49, 6, 16, 1, 2),
        augmenter=kc.layers.RandomResizedCrop(
            16, 16, interpolation="bicubic", center_crop=True
        ),
    )
    model.save_checkpoint(tmp_path)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert settings["size"] == {"shortest_edge": 16}
    from transformers.models.clip import image_processing_pil_clip

    processor = image_processing_pil_clip.CLIPImageProcessorPil
    processor = processor.from_pretrained(tmp_path)
    coarse = rng.integers(64, 192, size=(8, 5, 3)).astype("uint8")
    image = np.kron(coarse, np.ones((5, 5, 1), "uint8"))
    pixels = processor(image, return_tensors="np")["pixel_values"][0]
    pixels = pixels.transpose(1, 2, 0) * 0.2 + 0.5
    augmented = model.augmenter(image[None], training=False)[0]
    np.testing.assert_allclose(np.array(augmented), pixels, atol=1.25 / 255)
