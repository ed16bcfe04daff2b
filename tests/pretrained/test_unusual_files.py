"""Files that people have, and what is said of those that cannot be read."""

import json

import numpy as np
import pytest

import keras_contrastive as kc
from tests.pretrained import oracle
from tests.pretrained.helpers import config
from tests.pretrained.helpers import embeddings

safetensors = pytest.importorskip("safetensors.numpy")

pytestmark = pytest.mark.one_backend
load = kc.CLIPModel.from_checkpoint


@pytest.fixture(scope="module")
def tensors():
    return oracle.random_checkpoint(np.random.default_rng(0), config())


@pytest.fixture(scope="module")
def expected(tensors, tmp_path_factory):
    return embeddings(load(write(tmp_path_factory.mktemp("clip"), tensors)))


def write(folder, tensors, settings=None, encoding="utf-8"):
    safetensors.save_file(tensors, folder / "model.safetensors")
    text = json.dumps(settings or config())
    (folder / "config.json").write_text(text, encoding=encoding)
    return folder


def test_reads_wrapped_models(tensors, expected, tmp_path):
    """Several wrappers, other shapes of the scale, buffers, BOM, `str`."""
    wrapped = {f"module._orig_mod.clip.{n}": t for n, t in tensors.items()}
    wrapped |= {
        "module._orig_mod.clip.logit_scale": tensors["logit_scale"][None],
        "module._orig_mod.clip.text_model.embeddings.position_ids": np.arange(
            6
        )[None],
    }
    folder = write(tmp_path, wrapped, encoding="utf-8-sig")
    for one, other in zip(embeddings(load(str(folder))), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_reads_bfloat16_in_a_home(tensors, expected, tmp_path, monkeypatch):
    half = pytest.importorskip("ml_dtypes").bfloat16
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "clip").mkdir()
    halves = {name: tensor.astype(half) for name, tensor in tensors.items()}
    write(tmp_path / "clip", halves)
    for one, other in zip(embeddings(load("~/clip")), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=0.1)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda t: {**t, "classifier.weight": t["logit_scale"]},
            r"`?one CLIP|classifier",
        ),
        (
            lambda t: {
                **{f"clip.{n}": x for n, x in t.items()},
                "classifier.weight": t["logit_scale"],
            },
            r"nothing else.*\['clip.'\].*classifier.weight",
        ),
        (
            lambda t: {**t, **{f"module.{n}": x for n, x in t.items()}},
            "one CLIP.*of several",
        ),
        (
            lambda t: {f"base_model.{n}.lora_A.weight": t[n] for n in t},
            "LoRA adapter.*as `adapter`",
        ),
        (
            lambda t: {n: x for n, x in t.items() if n.startswith("vis")},
            "the image tower alone",
        ),
        (
            lambda t: {n: x for n, x in t.items() if n.startswith("text")},
            "the text tower alone",
        ),
        (
            lambda t: {
                n.removeprefix("text_model."): x
                for n, x in t.items()
                if n.startswith("text_model.")
            },
            "the text tower alone",
        ),
        (
            lambda t: {**t, "visual_projection.weight": t["logit_scale"][None]},
            r"of shapes \[\(1,\)\] for image/projection/kernel",
        ),
        (
            lambda t: {**t, "logit_scale": np.ones(2, "float32")},
            r"of shapes \[\(2,\)\] for logit_scale",
        ),
        (
            lambda t: {n: x.astype("int8") for n, x in t.items()},
            "must be of one of .*int8",
        ),
    ],
)
def test_refuses_other_tensors(change, message, tensors, tmp_path):
    write(tmp_path, change(tensors))
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_refuses_adapters(tensors, tmp_path):
    write(tmp_path, tensors)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ValueError, match="adapter_config.json.*as `adapter`"):
        load(tmp_path)


@pytest.mark.parametrize("value", [None, [1], {}, "x", -1, 2.5, True])
@pytest.mark.parametrize(
    "section, key",
    [
        ("text_config", "num_attention_heads"),
        ("text_config", "eos_token_id"),
        ("text_config", "vocab_size"),
        ("vision_config", "image_size"),
        ("vision_config", "hidden_act"),
    ],
)
def test_refuses_values(section, key, value, tensors, tmp_path):
    settings = config()
    settings[section][key] = value
    write(tmp_path, tensors, settings)
    with pytest.raises(
        ValueError, match=f"`{key}` of {section} in config.json"
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("config.json", "{", "config.json must be a JSON file"),
        ("config.json", "[]", "config.json must hold a JSON object"),
        ("config.json", '{"text_config": [1]}', "`text_config` of config.json"),
        (
            "config.json",
            '{"model_type": "clip", "text_config": {"layer_norm_eps": null}}',
            "`layer_norm_eps` of text_config in config.json .*None",
        ),
        (
            "preprocessor_config.json",
            '{"image_std": [1, 0, 1]}',
            "`image_std` of preprocessor_config.json .*three positive",
        ),
        ("preprocessor_config.json", '{"size": {"longest_edge": 1}}', "`size`"),
        ("preprocessor_config.json", '{"do_center_crop": []}', "`do_center_"),
    ],
)
def test_refuses_files(file, content, message, tensors, tmp_path):
    write(tmp_path, tensors)
    (tmp_path / file).write_text(content)
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_takes_null_for_a_default(tensors, expected, tmp_path):
    write(tmp_path, tensors)
    settings = '{"image_mean": null, "crop_size": null, "resample": null}'
    (tmp_path / "preprocessor_config.json").write_text(settings)
    np.testing.assert_array_equal(embeddings(load(tmp_path))[0], expected[0])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model_cfg": None}, "`vision_cfg` and `text_cfg`"),
        ({"model_cfg": {"text_cfg": {"heads": 2}}}, "`vision_cfg` and `text"),
        ({"preprocess_cfg": [1]}, "`preprocess_cfg` of open_clip_config.json"),
        ({"preprocess_cfg": {"mean": "x"}}, "`mean` of preprocess_cfg in open"),
        ({"text_cfg": {"heads": None}}, "`heads` of text_cfg in open_clip"),
        ({"text_cfg": {"pool_type": None}}, "`pool_type` of text_cfg in open"),
        ({"vision_cfg": {"head_width": {}}}, "`head_width` of vision_cfg in"),
        ({"vision_cfg": {"patch_dropout": 1}}, "`patch_dropout` of vision_cfg"),
        (
            {"vision_cfg": {"norm_kwargs": {"eps": None}}},
            "`eps` of norm_kwargs",
        ),
    ],
)
def test_refuses_values_of_open_clip(change, message, tensors, tmp_path):
    load(write(tmp_path, tensors)).save_checkpoint(tmp_path / "o", "open_clip")
    file = tmp_path / "o" / "open_clip_config.json"
    settings = json.loads(file.read_text())
    for section, values in change.items():
        if section.endswith(("vision_cfg", "text_cfg")):
            settings["model_cfg"][section] |= values
        else:
            settings[section] = values
    file.write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "o")


@pytest.mark.parametrize(
    "index, message",
    [
        ({"weight_map": {"logit_scale": "b.safetensors"}}, "without .*b.safe"),
        ({"weight_map": None}, "`weight_map` of .*None"),
        ({}, "`weight_map` of"),
    ],
)
def test_refuses_an_incomplete_index(index, message, tmp_path):
    file = tmp_path / "model.safetensors.index.json"
    file.write_text(json.dumps(index))
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_save_refuses_a_file(tensors, tmp_path):
    model = load(write(tmp_path, tensors))
    with pytest.raises(ValueError, match="`path` must be a folder"):
        model.save_checkpoint(tmp_path / "config.json")


@pytest.mark.parametrize("form", ["torchscript", "pickle"])
def test_the_recipe_for_pickles_works(form, tensors, expected, tmp_path):
    torch = pytest.importorskip("torch")
    write(tmp_path, tensors)
    (tmp_path / "model.safetensors").unlink()
    state = {n: torch.tensor(tensor) for n, tensor in tensors.items()}
    path = tmp_path / "ViT-B-32.pt"
    if form == "pickle":
        torch.save({"state_dict": state}, path)
    else:
        root = torch.nn.Module()
        for name, tensor in state.items():
            *path_of_module, name = name.split(".")
            module = root
            for part in path_of_module:
                if not hasattr(module, part):
                    module.add_module(part, torch.nn.Module())
                module = getattr(module, part)
            module.register_buffer(name, tensor)
        torch.jit.save(torch.jit.script(root), path)
    with pytest.raises(ValueError) as error:
        load(path)
    recipe = str(error.value).split("with PyTorch: ")[1].split("\n")[0]
    exec(recipe, {})
    for one, other in zip(embeddings(load(tmp_path)), expected, strict=True):
        np.testing.assert_array_equal(one, other)
