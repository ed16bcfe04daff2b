"""SigLIP against transformers' SiglipModel, on the same weights."""

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
