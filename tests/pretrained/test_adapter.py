"""LoRA adapters of peft, read with the checkpoint that they change."""

import json

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.pretrained.adapter import with_adapter
from tests.pretrained import oracle
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import TOKENS
from tests.pretrained.helpers import config
from tests.pretrained.helpers import embeddings
from tests.pretrained.helpers import normalized

safetensors = pytest.importorskip("safetensors.numpy")

pytestmark = pytest.mark.one_backend
load = kc.CLIPModel.from_checkpoint
LAYER = "text_model.encoder.layers.0"
QUERY = "vision_model.encoder.layers.0.self_attn.q_proj"
PATCHES = "vision_model.embeddings.patch_embedding"
TOKEN_TABLE = "text_model.embeddings.token_embedding"
MLP, PROJECTION = f"{LAYER}.mlp.fc1", "visual_projection"
SETTINGS = {
    "peft_type": "LORA",
    "r": 2,
    "lora_alpha": 6,
    "alpha_pattern": {"mlp.fc1": 10},
    "use_dora": False,
}


def write(folder, tensors, settings, name="model.safetensors"):
    folder.mkdir(exist_ok=True)
    safetensors.save_file(tensors, folder / name)
    file = "adapter_config.json" if "adapter" in name else "config.json"
    (folder / file).write_text(json.dumps(settings))
    return folder


def write_adapter(folder, tensors, **settings):
    return write(
        folder,
        {f"base_model.model.{name}": x for name, x in tensors.items()},
        SETTINGS | settings,
        "adapter_model.safetensors",
    )


@pytest.fixture(scope="module")
def tensors():
    return oracle.random_checkpoint(np.random.default_rng(0), config())


@pytest.fixture
def checkpoint(tensors, tmp_path):
    return write(tmp_path / "clip", tensors, config())


def factors():
    """Of a linear layer, a convolution, an embedding; and a whole weight."""
    rng = np.random.default_rng(1)
    shapes = {
        f"{QUERY}.lora_A.weight": (2, 16),
        f"{QUERY}.lora_B.weight": (16, 2),
        f"{QUERY}.lora_B.bias": (16,),
        f"{MLP}.lora_A.weight": (2, 32),
        f"{MLP}.lora_B.weight": (40, 2),
        f"{MLP}.base_layer.bias": (40,),
        f"{PATCHES}.lora_A.weight": (2, 3, 8, 8),
        f"{PATCHES}.lora_B.weight": (16, 2, 1, 1),
        f"{TOKEN_TABLE}.lora_embedding_A": (2, 50),
        f"{TOKEN_TABLE}.lora_embedding_B": (32, 2),
        f"{PROJECTION}.weight": (24, 16),
    }
    return {
        name: rng.normal(scale=0.3, size=shape).astype("float32")
        for name, shape in shapes.items()
    }


def merged_by_hand(tensors, f, scale, scale_of_mlp):
    """`W + scale B A`, written out for each of the weights."""
    second = f[f"{PATCHES}.lora_B.weight"][:, :, 0, 0]
    return {
        **tensors,
        f"{QUERY}.weight": tensors[f"{QUERY}.weight"]
        + scale * f[f"{QUERY}.lora_B.weight"] @ f[f"{QUERY}.lora_A.weight"],
        f"{QUERY}.bias": tensors[f"{QUERY}.bias"]
        + scale * f[f"{QUERY}.lora_B.bias"],
        f"{MLP}.weight": tensors[f"{MLP}.weight"]
        + scale_of_mlp * f[f"{MLP}.lora_B.weight"] @ f[f"{MLP}.lora_A.weight"],
        f"{MLP}.bias": f[f"{MLP}.base_layer.bias"],
        f"{PATCHES}.weight": tensors[f"{PATCHES}.weight"]
        + scale
        * np.einsum("or,rchw->ochw", second, f[f"{PATCHES}.lora_A.weight"]),
        f"{TOKEN_TABLE}.weight": tensors[f"{TOKEN_TABLE}.weight"]
        + scale
        * np.einsum(
            "rn,dr->nd",
            f[f"{TOKEN_TABLE}.lora_embedding_A"],
            f[f"{TOKEN_TABLE}.lora_embedding_B"],
        ),
        f"{PROJECTION}.weight": f[f"{PROJECTION}.weight"],
    }


@pytest.mark.parametrize(
    "use_rslora, scale, scale_of_mlp",
    [(False, 3, 5), (True, 6 / 2**0.5, 10 / 2**0.5)],
)
def test_adds_the_product(
    use_rslora, scale, scale_of_mlp, tensors, checkpoint, tmp_path
):
    adapter = write_adapter(
        tmp_path / "adapter", factors(), use_rslora=use_rslora
    )
    model = load(checkpoint, adapter=adapter)
    merged = merged_by_hand(tensors, factors(), scale, scale_of_mlp)
    expected = oracle.embeddings(
        merged, config(), normalized(IMAGES, model), TOKENS
    )
    for actual, value in zip(embeddings(model), expected, strict=True):
        np.testing.assert_allclose(actual, value, atol=1e-4)
    tower = kc.models.from_checkpoint(checkpoint, "text", adapter=adapter)
    np.testing.assert_array_equal(
        *map(
            keras.ops.convert_to_numpy,
            (tower(TOKENS), model.text_encoder(TOKENS)),
        )
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: {"x.lora_A.weight": np.ones((2, 4))}, "both factors"),
        (
            lambda f: {
                "x.lora_A.weight": np.ones((2, 4)),
                "x.lora_B.weight": np.ones((4, 2)),
            },
            "of the checkpoint's model.*x.weight.*no such weight",
        ),
        (
            lambda f: {**f, f"{MLP}.lora_B.weight": np.ones((39, 2))},
            r"of the checkpoint's model.*\(40, 32\)",
        ),
        (
            lambda f: {f"{QUERY}.lora_magnitude_vector": np.ones(16)},
            "lora_magnitude_vector",
        ),
        (
            lambda f: {n: x.astype("int8") for n, x in f.items()},
            "must be of one of .*int8",
        ),
    ],
)
def test_refuses_other_adapters(change, message, checkpoint, tmp_path):
    changed = {n: np.asarray(x) for n, x in change(factors()).items()}
    adapter = write_adapter(tmp_path / "adapter", changed)
    with pytest.raises(ValueError, match=message):
        load(checkpoint, adapter=adapter)


@pytest.mark.parametrize(
    "settings",
    [
        {"peft_type": "IA3"},
        {"use_dora": True},
        {"use_bdlora": {}},
        {"lora_alpha": None},
    ],
)
def test_refuses_other_settings(settings, checkpoint, tmp_path):
    adapter = write_adapter(tmp_path / "adapter", factors(), **settings)
    with pytest.raises(ValueError, match=f"`{next(iter(settings))}` of "):
        load(checkpoint, adapter=adapter)


def test_refuses_folders_without_one(checkpoint):
    with pytest.raises(ValueError, match="`adapter` must be a folder"):
        load(checkpoint, adapter=checkpoint)


def test_refuses_adapters_of_joint_projections(tmp_path):
    """Of `torch.nn.MultiheadAttention`, in open_clip's models."""
    factors = {
        "attn.lora_A.weight": np.ones((2, 4), "float32"),
        "attn.lora_B.weight": np.ones((12, 2), "float32"),
    }
    tensors = {"attn.in_proj_weight": np.ones((12, 4), "float32")}
    with pytest.raises(ValueError, match="MultiheadAttention attn.*twice"):
        with_adapter(tensors, write_adapter(tmp_path, factors))
