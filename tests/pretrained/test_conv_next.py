"""ConvNeXt, against the network written out in PyTorch."""

import keras
import numpy as np
import pytest
import torch
from torch.nn import functional

import keras_contrastive as kc
from tests.encoders.marks import slow_on_jax
from tests.pretrained.helpers import assert_trains_and_returns_from_a_file
from tests.pretrained.test_resnets import DIM
from tests.pretrained.test_resnets import write

pytest.importorskip("safetensors")

SIZES, WIDTHS, HIDDEN = (1, 2, 1, 1), (4, 6, 8, 10), 7
TRUNK = "visual.trunk"


def random_tensors(rng):
    shapes = {
        f"{TRUNK}.stem.0.weight": (WIDTHS[0], 3, 4, 4),
        f"{TRUNK}.head.norm.weight": (WIDTHS[-1],),
        "visual.head.mlp.fc1.weight": (HIDDEN, WIDTHS[-1]),
        "visual.head.mlp.fc2.weight": (DIM, HIDDEN),
        f"{TRUNK}.stem.1.weight": (WIDTHS[0],),
    }
    for stage, (blocks, width) in enumerate(zip(SIZES, WIDTHS, strict=True)):
        name = f"{TRUNK}.stages.{stage}"
        if stage > 0:
            inputs = WIDTHS[stage - 1]
            shapes[f"{name}.downsample.0.weight"] = (inputs,)
            shapes[f"{name}.downsample.1.weight"] = (width, inputs, 2, 2)
        for i in range(blocks):
            block = f"{name}.blocks.{i}"
            shapes |= {
                f"{block}.conv_dw.weight": (width, 1, 7, 7),
                f"{block}.norm.weight": (width,),
                f"{block}.mlp.fc1.weight": (4 * width, width),
                f"{block}.mlp.fc2.weight": (width, 4 * width),
                f"{block}.gamma": (width,),
            }
    for name, shape in list(shapes.items()):
        if name.endswith("weight"):
            shapes[name.replace("weight", "bias")] = shape[:1]
    return {
        name: rng.normal(scale=0.3, size=shape).astype("float32")
        for name, shape in shapes.items()
        if name != "visual.head.mlp.fc2.bias"
    }


def network(tensors, images):
    """Images `(n, height, width, 3)` to vectors, with torch's functions."""
    t = {name: torch.tensor(tensor) for name, tensor in tensors.items()}

    def conv(x, name, stride=1, padding=0, groups=1):
        return functional.conv2d(
            x,
            t[f"{name}.weight"],
            t[f"{name}.bias"],
            stride,
            padding,
            groups=groups,
        )

    def norm(x, name):
        """Over the last axis."""
        w, b = t[f"{name}.weight"], t[f"{name}.bias"]
        return functional.layer_norm(x, w.shape, w, b, 1e-5)

    def norm_of_map(x, name):
        return norm(x.permute(0, 2, 3, 1), name).permute(0, 3, 1, 2)

    def dense(x, name):
        return functional.linear(x, t[f"{name}.weight"], t.get(f"{name}.bias"))

    x = torch.tensor(images.transpose(0, 3, 1, 2))
    x = norm_of_map(conv(x, f"{TRUNK}.stem.0", 4), f"{TRUNK}.stem.1")
    for stage, blocks in enumerate(SIZES):
        name = f"{TRUNK}.stages.{stage}"
        if stage > 0:
            x = norm_of_map(x, f"{name}.downsample.0")
            x = conv(x, f"{name}.downsample.1", 2)
        for i in range(blocks):
            block = f"{name}.blocks.{i}"
            y = conv(x, f"{block}.conv_dw", 1, 3, groups=WIDTHS[stage])
            y = norm(y.permute(0, 2, 3, 1), f"{block}.norm")
            y = functional.gelu(dense(y, f"{block}.mlp.fc1"))
            y = dense(y, f"{block}.mlp.fc2") * t[f"{block}.gamma"]
            x = x + y.permute(0, 3, 1, 2)
    x = norm(x.mean((2, 3)), f"{TRUNK}.head.norm")
    x = functional.gelu(dense(x, "visual.head.mlp.fc1"))
    return dense(x, "visual.head.mlp.fc2").numpy()


@slow_on_jax
def test_is_the_network_of_the_paper(tmp_path, rng):
    tensors = random_tensors(rng)
    vision = {
        "image_size": 64,
        "timm_model_name": "convnext_xxlarge",
        "timm_pool": "",
        "timm_proj": "mlp",
    }
    write(tmp_path, tensors, vision)
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    assert model.projection_dim == DIM
    images = rng.uniform(size=(2, 64, 64, 3)).astype("float32")
    expected = network(tensors, images)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    actual = keras.ops.convert_to_numpy(model.encode_image(images))
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def make(**kwargs):
    defaults = {
        "stack_sizes": SIZES,
        "widths": WIDTHS,
        "input_shape": (32, 64, 3),
    }
    return kc.models.ConvNeXt(**{**defaults, **kwargs})


@slow_on_jax
def test_trains_and_returns_from_a_file(tmp_path, rng):
    assert_trains_and_returns_from_a_file(
        make(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
        rng.uniform(size=(2, 32, 64, 3)).astype("float32"),
        tmp_path / "encoder.keras",
    )


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"stack_sizes": (1, 1)}, "`stack_sizes` must be 4"),
        ({"widths": (1, 1, 1, 0)}, "`widths`"),
        ({"input_shape": (16, 64, 3)}, "`input_shape`.*at least 32"),
        ({"mean": (1, 1, 1)}, "`mean` and `std`"),
        ({"hidden_dim": 0}, "`hidden_dim`"),
        ({"output_dim": 0}, "`output_dim`"),
    ],
)
def test_rejects(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
