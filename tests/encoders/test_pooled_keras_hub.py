"""Tiny backbones of keras-hub, one or more of each row of docs/encoders.md.

Not covered, because their outputs have the form of one that is: ResNet and
other plain convolutional ones (but for `keras.applications`), ALBERT, ELECTRA,
RoBERTa, XLM-R, DeBERTa, XLNet, RoFormer, causal models other than GPT-2,
MetaCLIP 2.
"""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.encoders.marks import slow_on_jax

hub = pytest.importorskip("keras_hub").models

IDS = np.array([[1, 5, 6, 7, 0, 0], [1, 8, 9, 2, 3, 7]], "int32")
MASK = (IDS != 0).astype("int32")
MASKED = {"token_ids": IDS, "padding_mask": MASK}
SEGMENTED = {"token_ids": IDS, "segment_ids": np.zeros_like(IDS)}
IMAGE = {"image_shape": (16, 16, 3)}
TEXT = {
    "vocabulary_size": 20,
    "num_layers": 1,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 6,
}


def transformer(backbone, **kwargs):
    return backbone(num_heads=2, **kwargs)


def hgnet():
    return hub.HGNetV2Backbone(
        depths=[1, 1],
        embedding_size=8,
        hidden_sizes=[8, 16],
        stem_channels=[3, 8, 8],
        hidden_act="relu",
        use_learnable_affine_block=False,
        stackwise_stage_filters=[(8, 8, 8, 1, 1, 3), (8, 8, 16, 1, 1, 3)],
        apply_downsample=[False, True],
        use_lightweight_conv_block=[False, False],
        **IMAGE,
    )


def vit(class_=hub.ViTBackbone, **kwargs):
    mlp = "mlp_dim" if class_ is hub.ViTBackbone else "intermediate_dim"
    return transformer(
        class_,
        patch_size=8,
        num_layers=1,
        hidden_dim=8,
        **{mlp: 16},
        **IMAGE | kwargs,
    )


def swin():
    return hub.SwinTransformerBackbone(
        embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=2, **IMAGE
    )


def dino():
    return vit(
        hub.DINOV2Backbone,
        position_embedding_shape=(16, 16, 3),
        num_register_tokens=2,
    )


def clip_text():
    return hub.CLIPTextEncoder(20, 8, 8, 1, 2, 16, max_sequence_length=6)


def masked_mean(features):
    valid = MASK[:, :, None]
    return (features * valid).sum(axis=1) / valid.sum(axis=1)


CASES = {
    "hgnet": (hgnet, {}, None, lambda y: y["stage2"].mean((1, 2))),
    "vit": (vit, {}, None, lambda y: y[:, 0]),
    "vit_mean": (vit, {"pooling": "mean"}, None, lambda y: y[:, 1:].mean(1)),
    "vit_no_class_token": (
        lambda: vit(use_class_token=False),
        {},
        None,
        lambda y: y.mean(1),
    ),
    "deit_mean": (
        lambda: vit(hub.DeiTBackbone),
        {"pooling": "mean"},
        None,
        lambda y: y[:, 2:].mean(1),
    ),
    "swin": (swin, {}, None, lambda y: y.mean(1)),
    "dino": (dino, {}, "images", lambda y: y[:, 0]),
    "dino_mean": (
        dino,
        {"pooling": "mean"},
        "images",
        lambda y: y[:, 3:].mean(1),
    ),
    "clip_text": (
        clip_text,
        {"end_id": 7},
        IDS,
        lambda y: np.stack([y[0, 3], y[1, 5]]),
    ),
    "bert": (
        lambda: transformer(hub.BertBackbone, **TEXT),
        {},
        MASKED | SEGMENTED,
        lambda y: y["pooled_output"],
    ),
    "bert_mean": (
        lambda: transformer(hub.BertBackbone, **TEXT),
        {"pooling": "mean"},
        MASKED | SEGMENTED,
        lambda y: masked_mean(y["sequence_output"]),
    ),
    "fnet_mean": (
        lambda: hub.FNetBackbone(**TEXT),
        {"pooling": "mean", "pad_id": 0},
        SEGMENTED,
        lambda y: masked_mean(y["sequence_output"]),
    ),
    "distil_bert": (
        lambda: transformer(hub.DistilBertBackbone, **TEXT),
        {},
        MASKED,
        masked_mean,
    ),
    "gpt2": (
        lambda: transformer(hub.GPT2Backbone, **TEXT),
        {},
        MASKED,
        lambda y: np.stack([y[0, 3], y[1, 5]]),
    ),
}

WIDE = ("hgnet", "swin")


@pytest.mark.one_case
@slow_on_jax
@pytest.mark.parametrize("name", CASES)
def test_pools(rng, name):
    make, arguments, inputs, pool = CASES[name]
    backbone = make()
    encoder = kc.models.pooled(backbone, **arguments)
    assert encoder.output_shape == (None, 16 if name in WIDE else 8)
    backbone_inputs = inputs
    if inputs is None or isinstance(inputs, str):
        images = rng.uniform(size=(2, 16, 16, 3)).astype("float32")
        backbone_inputs = images if inputs is None else {inputs: images}
        inputs = images
    elif not isinstance(inputs, dict):
        backbone_inputs = {"token_ids": inputs}
    features = keras.tree.map_structure(
        keras.ops.convert_to_numpy, backbone(backbone_inputs)
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(encoder(inputs)), pool(features), atol=1e-5
    )


def test_clip_vision_encoder_knows_where_its_patches_are(tmp_path, rng):
    backbone = hub.CLIPVisionEncoder(8, 8, 1, 2, 16, **IMAGE)
    encoder = kc.models.pooled(backbone)
    ids = backbone.embedding.position_ids
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(ids), [[0, 1, 2, 3, 4]]
    )
    images = rng.uniform(size=(1, 16, 16, 3)).astype("float32")
    swapped = np.concatenate([images[:, 8:], images[:, :8]], axis=1)
    images = np.concatenate([images, swapped])
    outputs = encoder.predict(images, verbose=0)
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4

    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(restored.predict(images, verbose=0), outputs)


def siglip_vision():
    return hub.SigLIPVisionEncoder(8, 8, 1, 2, 16, **IMAGE)


def siglip_text():
    return hub.SigLIPTextEncoder(20, 8, 8, 1, 2, 16, max_sequence_length=6)


@pytest.mark.parametrize("make, count", [(siglip_vision, 4), (siglip_text, 6)])
def test_siglip_knows_positions(make, count):
    backbone = make()
    kc.models.pooled(backbone)
    (ids,) = (v for v in backbone.variables if v.name == "position_ids")
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(ids), [range(count)]
    )


@pytest.mark.parametrize("change", [-0.1, 0.1])
def test_dino_keeps_trained_positions(tmp_path, rng, change):
    backbone = dino()
    encoder = kc.models.pooled(backbone)
    positions = backbone.embeddings.interpolated_position_embeddings
    positions.assign(positions + change * rng.uniform(size=positions.shape))
    images = rng.uniform(size=(1, 16, 16, 3)).astype("float32")
    outputs = encoder.predict(images, verbose=0)
    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(restored.predict(images, verbose=0), outputs)


def test_says_what_it_does_not_know():
    vision = hub.CLIPVisionEncoder(8, 8, 1, 2, 16, name="vision", **IMAGE)
    backbone = hub.CLIPBackbone(vision, clip_text(), 4)
    with pytest.raises(ValueError, match="`output` must say .*vision_logits"):
        kc.models.pooled(backbone)
    with pytest.raises(ValueError, match="`end_id`"):
        kc.models.pooled(clip_text())
