"""CLIP's ResNets, against the network written out in PyTorch."""

import inspect
import json

import keras
import numpy as np
import pytest
import torch
from torch.nn import functional

import keras_contrastive as kc
from tests.code_blocks import run_blocks
from tests.encoders.marks import slow_on_jax
from tests.pretrained.helpers import assert_trains_and_returns_from_a_file

safetensors = pytest.importorskip("safetensors.numpy")

WIDTH, SIZES, HEADS, DIM = 4, (1, 2, 1, 1), 2, 6


def make(**kwargs):
    defaults = {
        "stack_sizes": SIZES,
        "output_dim": DIM,
        "width": WIDTH,
        "num_heads": HEADS,
        "input_shape": (64, 64, 3),
    }
    return kc.models.CLIPResNet(**{**defaults, **kwargs})


def random_tensors(rng):
    shapes = {}

    def conv_norm(conv, norm, inputs, outputs, size):
        shapes[f"{conv}.weight"] = (outputs, inputs, size, size)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = (outputs,)

    half = WIDTH // 2
    for i, (inputs, outputs) in enumerate(
        [(3, half), (half, half), (half, WIDTH)], 1
    ):
        conv_norm(f"visual.conv{i}", f"visual.bn{i}", inputs, outputs, 3)
    inputs = WIDTH
    for stage, blocks in enumerate(SIZES):
        channels = WIDTH * 2**stage
        for block in range(blocks):
            name = f"visual.layer{stage + 1}.{block}"
            for i, sizes in enumerate(
                [
                    (inputs, channels, 1),
                    (channels, channels, 3),
                    (channels, 4 * channels, 1),
                ],
                1,
            ):
                conv_norm(f"{name}.conv{i}", f"{name}.bn{i}", *sizes)
            if block == 0:
                conv_norm(
                    f"{name}.downsample.0",
                    f"{name}.downsample.1",
                    *(inputs, 4 * channels, 1),
                )
            inputs = 4 * channels
    pool = "visual.attnpool"
    shapes[f"{pool}.positional_embedding"] = (5, inputs)
    for part in "qkvc":
        outputs = DIM if part == "c" else inputs
        shapes[f"{pool}.{part}_proj.weight"] = (outputs, inputs)
        shapes[f"{pool}.{part}_proj.bias"] = (outputs,)
    tensors = {
        name: rng.normal(scale=0.3, size=shape).astype("float32")
        for name, shape in shapes.items()
    }
    for name in tensors:
        if name.endswith("running_var"):
            tensors[name] = 0.5 + tensors[name] ** 2
    return tensors


def network(tensors, images):
    """Images `(n, height, width, 3)` to vectors, with torch's functions."""
    t = {name: torch.tensor(tensor) for name, tensor in tensors.items()}

    def conv_norm(x, conv, norm, stride=1):
        kernel = t[f"{conv}.weight"]
        x = functional.conv2d(
            x, kernel, stride=stride, padding=kernel.shape[-1] // 2
        )
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(t[f"{norm}.{n}"] for n in names))

    x = torch.tensor(images.transpose(0, 3, 1, 2))
    for i in (1, 2, 3):
        stride = 2 if i == 1 else 1
        x = conv_norm(x, f"visual.conv{i}", f"visual.bn{i}", stride).relu()
    x = functional.avg_pool2d(x, 2)
    for stage, blocks in enumerate(SIZES):
        for block in range(blocks):
            name = f"visual.layer{stage + 1}.{block}"
            pools = stage > 0 and block == 0
            y, shortcut = x, x
            for i in (1, 2, 3):
                y = conv_norm(y, f"{name}.conv{i}", f"{name}.bn{i}")
                y = y.relu() if i < 3 else y
                y = functional.avg_pool2d(y, 2) if pools and i == 2 else y
            if block == 0:
                shortcut = functional.avg_pool2d(x, 2) if pools else x
                down = f"{name}.downsample"
                shortcut = conv_norm(shortcut, f"{down}.0", f"{down}.1")
            x = (y + shortcut).relu()
    pool = "visual.attnpool"
    x = x.flatten(2).permute(2, 0, 1)
    x = torch.cat([x.mean(0, keepdim=True), x])
    x = x + t[f"{pool}.positional_embedding"][:, None]

    def heads(part, x):
        x = functional.linear(
            x, t[f"{pool}.{part}_proj.weight"], t[f"{pool}.{part}_proj.bias"]
        )
        return x.reshape(len(x), len(images), HEADS, -1).permute(1, 2, 0, 3)

    q, k, v = heads("q", x[:1]), heads("k", x), heads("v", x)
    p = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
    x = (p @ v)[:, :, 0].flatten(1)
    return functional.linear(
        x, t[f"{pool}.c_proj.weight"], t[f"{pool}.c_proj.bias"]
    ).numpy()


VISION = {
    "image_size": 64,
    "layers": list(SIZES),
    "width": WIDTH,
    "head_width": 32 * WIDTH // HEADS,
}


def write(folder, tensors, vision=VISION):
    """A CLIP with these tensors as its image tower."""
    text = kc.CLIPModel(
        kc.models.VisionTransformer(32, 16, 1, 2, input_shape=(64, 64, 3)),
        kc.models.TextTransformer(50, 49, 6, 16, 1, 2),
        projection_dim=DIM,
    )
    text.save_checkpoint(folder, "open_clip")
    file = folder / "open_clip_model.safetensors"
    whole = {
        name: tensor
        for name, tensor in safetensors.load_file(file).items()
        if not name.startswith("visual.")
    }
    whole["visual.bn1.num_batches_tracked"] = np.array(3)
    safetensors.save_file({**whole, **tensors}, file)
    config_file = folder / "open_clip_config.json"
    config = json.loads(config_file.read_text())
    config["model_cfg"]["vision_cfg"] = vision
    config_file.write_text(json.dumps(config))
    return text


@slow_on_jax
def test_is_the_network_of_the_paper(tmp_path, rng):
    tensors = random_tensors(rng)
    other = write(tmp_path, tensors)
    model = kc.CLIPModel.from_checkpoint(tmp_path)
    images = rng.uniform(size=(2, 64, 64, 3)).astype("float32")
    expected = network(tensors, images)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    mean, std = other.image_encoder.mean, other.image_encoder.std
    assert (mean, std) == (None, None)
    actual = keras.ops.convert_to_numpy(model.encode_image(images))
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    tokens = np.array([[48, 3, 4, 49, 0, 0]])
    np.testing.assert_allclose(
        *(
            keras.ops.convert_to_numpy(each.encode_text(tokens))
            for each in (model, other)
        ),
        atol=1e-5,
    )


@slow_on_jax
def test_trains_and_returns_from_a_file(tmp_path, rng):
    assert_trains_and_returns_from_a_file(
        make(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
        rng.uniform(size=(2, 64, 64, 3)).astype("float32"),
        tmp_path / "encoder.keras",
    )


@slow_on_jax
def test_has_the_size_of_rn50():
    # 38,316,896 parameters of CLIP's RN50 image tower, without its two
    # buffers a channel.
    encoder = kc.models.CLIPResNet((3, 4, 6, 3), 1024)
    trainable = sum(int(np.prod(v.shape)) for v in encoder.trainable_weights)
    assert trainable == 38_316_896


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"stack_sizes": (1, 1)}, "`stack_sizes` must be 4"),
        ({"width": 5}, "`width` must be even"),
        ({"num_heads": 7}, "`num_heads` must divide"),
        ({"input_shape": (16, 64, 3)}, "`input_shape`.*at least 32"),
        ({"mean": (1, 1, 1)}, "`mean` and `std`"),
    ],
)
def test_rejects(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.one_backend
def test_the_example_runs():
    run_blocks(inspect.getdoc(kc.models.CLIPResNet), "CLIPResNet")
