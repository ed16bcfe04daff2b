"""Against Hugging Face's CLIPModel, on the same weights."""

import json

import keras
import numpy as np
import pytest
import torch

import keras_contrastive as kc
from keras_contrastive.pretrained import transformers_configuration
from tests.peers import peer
from tests.pretrained.helpers import CONFIGS
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import TOKENS
from tests.pretrained.helpers import embeddings
from tests.pretrained.helpers import logits
from tests.pretrained.helpers import normalized

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


@pytest.mark.one_case
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


# The second, older form of the sections: complete, or completed by defaults.
OLD = {
    "complete": lambda section: (None, section),
    "overriding": lambda section: ({**section, "layer_norm_eps": 0.1}, section),
    "default over section": lambda section: (
        {"layer_norm_eps": 0.1, "hidden_act": "gelu"},
        {
            k: v
            for k, v in section.items()
            if k not in ("layer_norm_eps", "hidden_act")
        },
    ),
    "empty": lambda section: ({"layer_norm_eps": 0.1}, {}),
    "null": lambda section: ({**section, "layer_norm_eps": 0.1}, None),
}


@pytest.mark.parametrize("name", OLD)
def test_old_sections_are_merged_as_in_transformers(name, tmp_path):
    settings = CONFIGS["gelu"]
    merged = dict(settings)
    for section in ("text_config", "vision_config"):
        new, old = OLD[name](settings[section])
        merged |= {section: new, f"{section}_dict": old}
    expected = transformers.CLIPConfig(**json.loads(json.dumps(merged)))
    (tmp_path / "config.json").write_text(json.dumps(merged))
    ours = transformers_configuration.read(tmp_path, {})
    for encoder, theirs in (
        (ours.image, expected.vision_config),
        (ours.text, expected.text_config),
    ):
        assert encoder["layer_norm_epsilon"] == theirs.layer_norm_eps
        assert encoder["num_heads"] == theirs.num_attention_heads
        assert encoder["activation"] == theirs.hidden_act
    assert ours.text["end_id"] == expected.text_config.eos_token_id
    assert ours.image["input_shape"][0] == expected.vision_config.image_size


@pytest.mark.one_backend
def test_incomplete_old_sections_and_the_highest_id(tmp_path):
    """End id 2: the text is read at its highest id, an added token's."""
    settings = json.loads(json.dumps(CONFIGS["gelu"]))
    settings["text_config"]["eos_token_id"] = 2
    for section in ("text_config", "vision_config"):
        old = dict(settings[section])
        del old["layer_norm_eps"]
        settings[f"{section}_dict"] = old
    torch.manual_seed(0)
    peer_model = transformers.CLIPModel(
        transformers.CLIPConfig(**json.loads(json.dumps(settings)))
    )
    for parameter in peer_model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    peer_model.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    assert model.text_encoder.end_id is None
    expected = outputs_of(peer_model, normalized(IMAGES, model))
    for actual, value in zip(embeddings(model), expected, strict=False):
        np.testing.assert_allclose(actual, value, atol=1e-4)
    # A text whose highest id is no end token.
    tokens = np.array([[48, 3, 4, 5, 0, 0]])
    with torch.no_grad():
        value = peer_model.get_text_features(torch.tensor(tokens))
    value = getattr(value, "pooler_output", value).numpy()
    value = value / np.linalg.norm(value, axis=1, keepdims=True)
    actual = keras.ops.convert_to_numpy(model.encode_text(tokens))
    np.testing.assert_allclose(actual, value, atol=1e-4)

    model.save_checkpoint(tmp_path / "ours")
    written = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert written["text_config"]["eos_token_id"] == 2


@pytest.mark.one_backend
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
