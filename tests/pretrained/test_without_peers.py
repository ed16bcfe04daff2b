"""What needs no other library than safetensors."""

import inspect
import json

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.pretrained.text_positions import resized_positions
from tests.code_blocks import run_blocks
from tests.encoders.marks import slow_on_jax
from tests.pretrained import oracle
from tests.pretrained.helpers import CONFIGS
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import TOKENS
from tests.pretrained.helpers import config
from tests.pretrained.helpers import embeddings
from tests.pretrained.helpers import normalized

safetensors = pytest.importorskip("safetensors.numpy")

pytestmark = pytest.mark.one_backend


def write(folder, settings, tensors, name="model.safetensors"):
    folder.mkdir(exist_ok=True)
    safetensors.save_file(tensors, folder / name, {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def small_model(**kwargs):
    sizes = {"image_encoder": {}, "text_encoder": {}, **kwargs}
    return kc.CLIPModel(
        kc.models.VisionTransformer(
            **{
                "patch_size": 8,
                "width": 16,
                "num_layers": 1,
                "num_heads": 2,
                "input_shape": (16, 16, 3),
                **sizes["image_encoder"],
            }
        ),
        kc.models.TextTransformer(
            **{
                "vocabulary_size": 50,
                "end_id": 49,
                "context_length": 6,
                "width": 16,
                "num_layers": 1,
                "num_heads": 2,
                **sizes["text_encoder"],
            }
        ),
        projection_dim=8,
        logit_scale=kwargs.get("logit_scale"),
        augmenter=kwargs.get("augmenter"),
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_is_the_network_of_the_paper(name, tmp_path, rng):
    settings = CONFIGS[name]
    tensors = oracle.random_checkpoint(rng, settings)
    write(tmp_path / "peer", settings, tensors)
    model = kc.CLIPModel.from_checkpoint(tmp_path / "peer")
    pixels = normalized(IMAGES, model)
    expected = oracle.embeddings(tensors, settings, pixels, TOKENS)
    for actual, value in zip(embeddings(model), expected, strict=True):
        np.testing.assert_allclose(actual, value, atol=1e-4)
    scale = keras.ops.convert_to_numpy(model.logit_scale.scale)
    np.testing.assert_allclose(scale, np.exp(tensors["logit_scale"]), 1e-6)

    # Both formats in one folder, and back without a bit of difference.
    model.save_checkpoint(tmp_path / "ours", "open_clip")
    again = kc.CLIPModel.from_checkpoint(tmp_path / "ours")
    again.save_checkpoint(tmp_path / "ours")
    written = safetensors.load_file(tmp_path / "ours" / "model.safetensors")
    assert set(written) == set(tensors)
    for tensor in tensors:
        np.testing.assert_array_equal(written[tensor], tensors[tensor], tensor)
    written = json.loads((tmp_path / "ours" / "config.json").read_text())
    for section in ("vision_config", "text_config"):
        for key in settings[section].keys() - {"bos_token_id"}:
            assert written[section][key] == settings[section][key], key


def test_trains_and_is_kept_in_a_keras_file(tmp_path, rng):
    settings = CONFIGS["openai"]
    write(tmp_path, settings, oracle.random_checkpoint(rng, settings))
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    before = embeddings(model)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(embeddings(restored), before, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    model.compile(keras.optimizers.Adam(1e-2), loss="clip")
    history = model.fit(IMAGES, TOKENS, batch_size=3, epochs=20, verbose=0)
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]


def test_images_of_other_channels(tmp_path, rng):
    settings = CONFIGS["openai"]
    write(tmp_path, settings, oracle.random_checkpoint(rng, settings))
    rgb = kc.CLIPModel.from_checkpoint(tmp_path)
    gray = rng.random((2, 16, 16, 1), dtype="float32")
    expected = embeddings(rgb, np.repeat(gray, 3, axis=-1))
    for channels in (3, 4):
        model = kc.CLIPModel.from_checkpoint(tmp_path, channels=channels)
        assert model.image_encoder.input_shape == (None, 16, 16, channels)
        found = embeddings(model, np.repeat(gray, channels, axis=-1))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(model.logit_scale.scale),
        keras.ops.convert_to_numpy(rgb.logit_scale.scale),
    )
    model = kc.CLIPModel.from_checkpoint(
        tmp_path, channels=5, rgb_channels=(4, 3, 2)
    )
    means = np.array(rgb.image_encoder.mean)
    np.testing.assert_allclose(
        model.image_encoder.mean, [means.mean()] * 2 + means[::-1].tolist()
    )
    with pytest.raises(ValueError, match="`rgb_channels` needs `channels`"):
        kc.CLIPModel.from_checkpoint(tmp_path, rgb_channels=(2, 1, 0))


def test_longer_and_shorter_texts(tmp_path, rng):
    settings = CONFIGS["openai"]
    write(tmp_path, settings, oracle.random_checkpoint(rng, settings))
    whole = kc.CLIPModel.from_checkpoint(tmp_path)
    length = whole.text_encoder.context_length
    expected = keras.ops.convert_to_numpy(whole.encode_text(TOKENS))
    for size in (TOKENS.shape[1], 3 * length):
        model = kc.CLIPModel.from_checkpoint(tmp_path, context_length=size)
        assert model.text_encoder.context_length == size
        found = keras.ops.convert_to_numpy(model.encode_text(TOKENS))
        assert found.shape == expected.shape
        if size <= length:
            np.testing.assert_allclose(found, expected, atol=1e-5)
    texts = np.repeat(TOKENS, 2, axis=1)[:, : 3 * length]
    assert np.isfinite(
        model.predict({"texts": texts}, verbose=0)["text_embeddings"]
    ).all()
    with pytest.raises(ValueError, match="`context_length`.*Received"):
        kc.CLIPModel.from_checkpoint(tmp_path, context_length=0)


def test_positions_are_stretched_as_by_long_clip(rng):
    """Its code: four positions for each from the 20th on, then beyond."""
    positions = rng.normal(size=(77, 3))
    expected = np.zeros((248, 3))
    expected[:20] = positions[:20]
    for i in range(77 - 20):
        step = (
            (positions[i + 20] - positions[i + 19])
            if i == 56
            else (positions[i + 21] - positions[i + 20])
        )
        for part in range(4):
            expected[20 + 4 * i + part] = positions[i + 20] + part / 4 * step
    np.testing.assert_allclose(
        resized_positions(positions, 248), expected, atol=1e-12
    )
    np.testing.assert_array_equal(
        resized_positions(positions, 16), positions[:16]
    )
    assert resized_positions(positions[:1], 3).shape == (3, 3)


@pytest.mark.parametrize("bias", [None, -12.9])
def test_a_scale_above_100_is_kept_in_training(bias, tmp_path):
    scale = kc.layers.LogitScale(0.1, None, initial_bias=bias)
    scale.log_scale.assign(np.log(117.3))
    small_model(logit_scale=scale).save_checkpoint(tmp_path, "open_clip")
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    model.compile("sgd", loss="clip" if bias is None else "siglip")
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(IMAGES, TOKENS)
    assert float(model.logit_scale.log_scale) == float(scale.log_scale)
    assert model.logit_scale.max_scale == (
        None if bias else pytest.approx(117.3, rel=1e-5)
    )


@slow_on_jax
def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(inspect.getdoc(kc.CLIPModel.from_checkpoint), "from_checkpoint")


@slow_on_jax
def test_openai_needs_no_configuration(tmp_path, rng):
    """The tensors of its code, half precision, heads of 64 units."""
    model = small_model(
        image_encoder={"width": 128, "activation": "quick_gelu"},
        text_encoder={"width": 64, "num_heads": 1, "activation": "quick_gelu"},
    )
    model.save_checkpoint(tmp_path, "open_clip")
    (tmp_path / "open_clip_config.json").unlink()
    file = tmp_path / "open_clip_model.safetensors"
    tensors = safetensors.load_file(file)
    with pytest.raises(ValueError, match="must have .*open_clip_config.json"):
        kc.CLIPModel.from_checkpoint(file)
    half = {name: t.astype("float16") for name, t in tensors.items()}
    half |= {
        "input_resolution": np.array(16),
        "context_length": np.array(6),
        "vocab_size": np.array(50),
    }
    safetensors.save_file(half, file)
    loaded = kc.CLIPModel.from_checkpoint(file)
    assert loaded.image_encoder.activation == "quick_gelu"
    assert loaded.image_encoder.mean[0] == 0.48145466
    expected = (
        model.image_tower(normalized(IMAGES, loaded)),
        model.encode_text(TOKENS),
    )
    for one, other in zip(embeddings(loaded), expected, strict=True):
        other = keras.ops.convert_to_numpy(other)
        np.testing.assert_allclose(one, other, atol=1e-2)


@pytest.mark.parametrize(
    "preprocessing, augmenter, mean",
    [
        (None, ("bicubic", True), 0.48145466),
        (
            {"size": 16, "crop_size": 16, "resample": 2},
            ("bilinear", True),
            0.48145466,
        ),
        (
            {
                "size": {"height": 16, "width": 16},
                "do_center_crop": False,
                "image_mean": [0.5] * 3,
                "image_std": [0.5] * 3,
            },
            ("bicubic", False),
            0.5,
        ),
    ],
)
def test_preprocessing_is_configured(
    preprocessing, augmenter, mean, tmp_path, rng
):
    settings = CONFIGS["openai"]
    write(tmp_path, settings, oracle.random_checkpoint(rng, settings))
    if preprocessing is not None:
        (tmp_path / "preprocessor_config.json").write_text(
            json.dumps(preprocessing)
        )
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    layer = model.augmenter
    assert (layer.interpolation, layer.center_crop) == augmenter
    assert (layer.height, layer.width, layer.scale[0]) == (16, 16, 0.9)
    assert model.image_encoder.mean[0] == mean


@pytest.mark.parametrize(
    "file, change, message",
    [
        ("config.json", {"model_type": "blip"}, "`model_type` of the model"),
        ("config.json", {"model_type": "siglip2"}, r"flexible sizes \(NaFlex"),
        ("config.json", {"model_type": "siglip"}, "weights of a SigLIP"),
        (
            "config.json",
            {"vision_config": {"hidden_act": "gelu_new"}},
            "`hidden_act` of vision_config",
        ),
        (
            "config.json",
            {"vision_config": {"image_size": 32, "num_attention_heads": 2}},
            r"position_embedding of shape \(5, 16\) for \(17, 16\)",
        ),
        ("preprocessor_config.json", {"do_rescale": False}, "`do_rescale`"),
        ("preprocessor_config.json", {"size": 20}, "`size` and `crop_size`"),
    ],
)
def test_refuses_configurations(file, change, message, tmp_path, rng):
    settings = config()
    write(tmp_path, settings, oracle.random_checkpoint(rng, settings))
    content = settings if file == "config.json" else {}
    (tmp_path / file).write_text(json.dumps({**content, **change}))
    with pytest.raises(ValueError, match=message):
        kc.CLIPModel.from_checkpoint(tmp_path)


def test_refuses_resnets(tmp_path):
    small_model().save_checkpoint(tmp_path, "open_clip")
    tensors = {"visual.layer1.0.conv1.weight": np.zeros((1, 1, 1, 1))}
    safetensors.save_file(tensors, tmp_path / "open_clip_model.safetensors")
    with pytest.raises(ValueError, match="vision transformer.*layer1"):
        kc.CLIPModel.from_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "section, change, message",
    [
        ("vision_cfg", {"timm_model_name": "vit"}, "`timm_model_name` .*unset"),
        ("vision_cfg", {"pool_type": "none"}, "`pool_type` of vision_cfg"),
        ("text_cfg", {"pool_type": "first"}, "`pool_type` of text_cfg"),
        ("text_cfg", {"no_causal_mask": 1}, "`no_causal_mask`"),
        ("text_cfg", {"use_pad_mask": True}, "`use_pad_mask`"),
        ("vision_cfg", {"act_kwargs": {"approximate": "x"}}, "`act_kwargs`"),
    ],
)
def test_refuses_configurations_of_open_clip(
    section, change, message, tmp_path
):
    small_model().save_checkpoint(tmp_path, "open_clip")
    file = tmp_path / "open_clip_config.json"
    settings = json.loads(file.read_text())
    settings["model_cfg"][section] |= change
    file.write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=message):
        kc.CLIPModel.from_checkpoint(tmp_path)


def test_refuses_files(tmp_path, rng):
    load = kc.CLIPModel.from_checkpoint
    with pytest.raises(ValueError, match="which does not exist"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="which has none"):
        load(tmp_path)
    pickle = tmp_path / "pytorch_model.bin"
    pickle.write_bytes(b"")
    for path in (tmp_path, pickle):
        with pytest.raises(ValueError, match=r"a pickle, which [^!]*save_file"):
            load(path)
    settings = config()
    tensors = oracle.random_checkpoint(rng, settings)
    tensors["vision_model.extra"] = tensors.pop("logit_scale")
    write(tmp_path, settings, tensors)
    with pytest.raises(
        ValueError, match=r"\['logit_scale'\] and unknown weights"
    ):
        load(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match="config.json beside"):
        load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="must be a checkpoint in safetensors"):
        load(tmp_path)


@pytest.mark.parametrize(
    "arguments, format, message",
    [
        ({}, "onnx", "`format` must be one of"),
        ({"image_encoder": {"pooling": "mean"}}, "open_clip", "pooling="),
        ({"text_encoder": {"end_id": 2}}, "transformers", "end id 2"),
        (
            {"image_encoder": {"input_shape": (16, 24, 3)}},
            "transformers",
            "square images",
        ),
        (
            {"image_encoder": {"activation": "quick_gelu"}},
            "open_clip",
            "one activation",
        ),
        (
            {"logit_scale": kc.layers.LogitScale(0.1, initial_bias=-10)},
            "transformers",
            "a bias",
        ),
        (
            {
                "augmenter": kc.layers.RandomResizedCrop(
                    16, 16, value_range=(0, 255)
                )
            },
            "open_clip",
            r"images in \[0, 1\]",
        ),
        (
            {"image_encoder": {"input_shape": (16, 16, 4)}},
            "transformers",
            "RGB images.*16, 16, 4",
        ),
    ],
)
def test_refuses_to_write(arguments, format, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        small_model(**arguments).save_checkpoint(tmp_path, format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name, format",
    [
        ("model.safetensors", "transformers"),
        ("config.json", "transformers"),
        ("preprocessor_config.json", "transformers"),
        ("open_clip_model.safetensors", "open_clip"),
        ("open_clip_config.json", "open_clip"),
    ],
)
def test_overwrites_no_checkpoint_of_others(name, format, tmp_path):
    (tmp_path / name).write_text("of others")
    with pytest.raises(ValueError, match=f"without a checkpoint of.*{name}"):
        small_model().save_checkpoint(tmp_path, format)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "of others"


def test_replaces_its_own_checkpoint(tmp_path):
    (tmp_path / "tokenizer.json").write_text("of others")
    for _ in range(2):
        small_model().save_checkpoint(tmp_path)
    assert (tmp_path / "tokenizer.json").read_text() == "of others"
