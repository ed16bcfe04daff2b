"""Against keras-hub's own backbones, from presets saved here."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.encoders.marks import slow_on_jax
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import TOKENS
from tests.pretrained.helpers import embeddings
from tests.pretrained.helpers import logits

hub = pytest.importorskip("keras_hub")

MEAN, STD = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.4])
TOWER = {
    "hidden_dim": 16,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_dim": 24,
}
VISION = {**TOWER, "patch_size": 8, "image_shape": (16, 16, 3)}
TEXT = {**TOWER, "vocabulary_size": 50, "embedding_dim": 16}
HEADS = {"CLIP": "clip_head", "MetaCLIP2": "metaclip_2_head"}


def backbone(family):
    models = hub.models
    text = dict(TEXT)
    if family == "SigLIP":
        text |= {"max_sequence_length": 6, "projection_dim": 16}
    towers = {
        "vision_encoder": getattr(models, f"{family}VisionEncoder")(**VISION),
        "text_encoder": getattr(models, f"{family}TextEncoder")(**text),
    }
    if family != "SigLIP":
        towers["projection_dim"] = 24
    model = getattr(models, f"{family}Backbone")(**towers)
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "position_ids" in variable.name:
            if family == "CLIP":  # made in training upstream, zero here
                variable.assign(np.arange(variable.shape[-1])[None])
        elif "float" in str(variable.dtype):
            noise = rng.normal(scale=0.2, size=variable.shape)
            variable.assign(variable + noise)
    return model


def saved(model, folder, family, **converter):
    model.save_to_preset(folder)
    if converter:
        getattr(hub.layers, f"{family}ImageConverter")(
            image_size=(16, 16), **converter
        ).save_to_preset(folder)
    return str(folder)


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.one_backend
@pytest.mark.parametrize("family", ["CLIP", "MetaCLIP2", "SigLIP"])
def test_equals_keras_hub(family, tmp_path):
    tokens = np.array(TOKENS)
    if family == "MetaCLIP2":  # whose end id is 2
        tokens = np.where(tokens == 2, 5, tokens)
        tokens[tokens == 49] = 2
    peer = backbone(family)
    preset = saved(
        peer,
        tmp_path / "preset",
        family,
        scale=(1 / 255 / STD).tolist(),
        offset=(-MEAN / STD).tolist(),
    )
    model = kc.CLIPModel.from_preset(preset)
    pixels = ((IMAGES - MEAN) / STD).astype("float32")
    expected = [
        to_numpy(each)
        for each in (
            peer.get_vision_embeddings(pixels),
            peer.get_text_embeddings(tokens),
        )
    ]
    ours = embeddings(model, IMAGES, tokens)
    for actual, value in zip(ours, expected, strict=True):
        value = value / np.linalg.norm(value, axis=1, keepdims=True)
        np.testing.assert_allclose(actual, value, atol=1e-4)
    # Gray images of four channels and of RGB.
    gray = np.repeat(IMAGES[..., :1], 4, axis=-1)
    bands = kc.CLIPModel.from_preset(preset, channels=4)
    np.testing.assert_allclose(
        embeddings(bands, gray, tokens)[0],
        embeddings(model, gray[..., :3], tokens)[0],
        atol=1e-4,
    )
    outputs = peer({"images": pixels, "token_ids": tokens})
    actual = logits(model, *ours)
    if family == "SigLIP":
        actual = actual + to_numpy(model.logit_scale.bias)
    np.testing.assert_allclose(
        actual, to_numpy(outputs["vision_logits"]), atol=1e-4
    )


@slow_on_jax
def test_trains_with_positions_and_is_kept(tmp_path):
    """Also where keras-hub has saved a vision encoder without any."""
    peer = backbone("CLIP")
    for variable in peer.weights:
        if variable.name == "position_ids":
            variable.assign(np.zeros(variable.shape))
    preset = saved(peer, tmp_path / "preset", "CLIP")
    with pytest.raises(ValueError, match="`mean` and `std` must be given"):
        kc.CLIPModel.from_preset(preset)
    model = kc.CLIPModel.from_preset(preset, mean=MEAN, std=STD)
    # Patches change their places: without positions no embedding would.
    swapped = np.concatenate([IMAGES[:, 8:], IMAGES[:, :8]], axis=1)
    images = embeddings(model)[0]
    assert np.abs(embeddings(model, swapped)[0] - images).max() > 1e-3
    model.compile(keras.optimizers.Adam(1e-3), loss="clip")
    model.fit(IMAGES, TOKENS, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(embeddings(restored), embeddings(model), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@slow_on_jax
def test_refuses_other_models(tmp_path):
    backbone = hub.models.BertBackbone(50, 1, 2, 16, 24)
    backbone.save_to_preset(tmp_path)
    with pytest.raises(ValueError, match="must be one of CLIP.*BertBackbone"):
        kc.CLIPModel.from_preset(str(tmp_path))
