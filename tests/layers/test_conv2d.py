import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_contrastive as kc
from keras_contrastive.layers.conv2d import Conv2D
from keras_contrastive.layers.max_pooling2d import MaxPooling2D
from tests.autodiff import value_and_gradients

on_torch = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="Keras' own layer elsewhere"
)

# The shape of the images, and arguments after the number of filters.
CASES = [
    ((3, 8, 8, 3), {"kernel_size": 3, "padding": "same"}),
    ((3, 8, 8, 3), {"kernel_size": 3, "padding": "same", "strides": 2}),
    ((3, 9, 8, 8), {"kernel_size": 3, "padding": "same", "strides": 2}),
    ((3, 9, 9, 8), {"kernel_size": 3, "padding": "same", "strides": (2, 1)}),
    ((3, 16, 14, 3), {"kernel_size": 7, "padding": "same", "strides": 2}),
    ((3, 8, 8, 8), {"kernel_size": 1, "padding": "same", "strides": 2}),
    ((3, 10, 10, 8), {"kernel_size": 3, "padding": "same", "strides": 4}),
    ((3, 7, 8, 8), {"kernel_size": (2, 3), "padding": "same"}),
    ((3, 7, 8, 8), {"kernel_size": 4, "padding": "SAME"}),
    ((3, 9, 8, 8), {"kernel_size": 3, "padding": "same", "dilation_rate": 2}),
    ((3, 9, 8, 8), {"kernel_size": (2, 3), "padding": "same",
                    "dilation_rate": (3, 1)}),
    ((3, 9, 8, 8), {"kernel_size": 3, "dilation_rate": 2}),
    ((3, 8, 8, 3), {"kernel_size": 3}),
    ((3, 8, 8, 3), {"kernel_size": 4, "strides": 4}),
    ((3, 8, 8, 1), {"kernel_size": 3, "padding": "same"}),
    ((3, 8, 8, 16), {"kernel_size": 3, "padding": "same", "groups": 2}),
    ((3, 1, 1, 8), {"kernel_size": 3, "padding": "same"}),
    ((1, 8, 8, 8), {"kernel_size": 3, "padding": "same"}),
]  # fmt: skip
TOLERANCES = {"float64": 1e-12, "float32": 1e-5, "bfloat16": 2e-2}
DTYPES = list(TOLERANCES)
if keras.backend.backend() != "torch":  # Keras' own layer
    CASES, DTYPES = CASES[1:2], ["float32"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, kwargs", CASES)
def test_equals_keras(shape, kwargs, dtype, rng):
    """The values, and the gradients by images and kernel."""
    images = ops.cast(rng.normal(size=shape), dtype)
    results = []
    for layer_class in (keras.layers.Conv2D, Conv2D):
        layer = layer_class(16, use_bias=False, dtype=dtype, **kwargs)
        layer.build(shape)
        kernel = np.random.default_rng(1).normal(size=layer.kernel.shape)
        kernel = ops.cast(kernel, dtype)

        def squares(images, kernel, layer=layer):
            outputs = layer.convolution_op(images, kernel)
            outputs = ops.cast(outputs, "float64")
            return ops.sum(outputs * ops.cos(outputs))

        layer.set_weights([ops.cast(kernel, "float64")])
        outputs = layer(images)
        assert outputs.shape == layer.compute_output_shape(shape)
        assert keras.backend.standardize_dtype(outputs.dtype) == dtype
        _, gradients = value_and_gradients(squares, images, kernel)
        results.append([outputs, *gradients])
    for expected, actual in zip(*results, strict=True):
        expected, actual = (
            ops.convert_to_numpy(ops.cast(r, "float64"))
            for r in (expected, actual)
        )
        np.testing.assert_allclose(
            actual,
            expected,
            rtol=0,
            atol=TOLERANCES[dtype] * np.abs(expected).max(),
        )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_bias_activation_and_format(data_format, rng):
    if (data_format, keras.backend.backend()) == (
        "channels_first",
        "tensorflow",
    ):
        pytest.skip("TensorFlow has no such kernel on CPUs")
    images = rng.normal(size=(2, 6, 8, 8)).astype("float32")
    kwargs = {"activation": "relu", "data_format": data_format}
    theirs = keras.layers.Conv2D(8, 3, bias_initializer="normal", **kwargs)
    ours = Conv2D(8, 3, **kwargs)
    expected = theirs(images)
    ours.build(images.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(
        ops.convert_to_numpy(ours(images)),
        ops.convert_to_numpy(expected),
        atol=1e-5,
    )


def test_images_in_another_memory_layout(rng):
    """A view of images that are not stored with their channels last."""
    images = ops.convert_to_tensor(rng.normal(size=(2, 3, 6, 8)), "float32")
    layer = Conv2D(8, 3, padding="same")
    view = ops.transpose(images, (0, 2, 3, 1))
    expected = layer(ops.convert_to_numpy(view))
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(view)),
        ops.convert_to_numpy(expected),
        atol=1e-6,
    )


def test_serialization():
    layer = Conv2D(8, 3, padding="same", groups=2, name="conv")
    config = keras.layers.serialize(layer)
    assert config["registered_name"] == "keras_contrastive>Conv2D"
    copy = keras.layers.deserialize(config)
    assert type(copy) is Conv2D
    assert copy.get_config() == layer.get_config()


def test_low_rank_adaptation(rng):
    """The kernel is a tensor then, not a variable."""
    images = rng.normal(size=(2, 6, 6, 8)).astype("float32")
    layers = [keras.layers.Conv2D(8, 3), Conv2D(8, 3)]
    values = None
    for layer in layers:
        layer.build(images.shape)
        layer.enable_lora(2)
        values = values or [rng.normal(size=w.shape) for w in layer.weights]
        for weight, value in zip(layer.weights, values, strict=True):
            weight.assign(value)
    expected, actual = (ops.convert_to_numpy(f(images)) for f in layers)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def network(conv, pool):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            conv(8, 3, padding="same"),
            pool(3, 2, padding="same"),
            conv(8, 3, strides=2, groups=2),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


@pytest.mark.parametrize("saved_by_keras", [True, False])
def test_weights_load_from_files_of_either_layer(tmp_path, rng, saved_by_keras):
    theirs = network(keras.layers.Conv2D, keras.layers.MaxPooling2D)
    ours = network(Conv2D, MaxPooling2D)
    images = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    saved, restored = (theirs, ours) if saved_by_keras else (ours, theirs)
    saved.save_weights(tmp_path / "network.weights.h5")
    restored.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_allclose(
        ops.convert_to_numpy(restored(images)),
        ops.convert_to_numpy(saved(images)),
        atol=1e-6,
    )


@pytest.mark.one_case
@pytest.mark.parametrize(
    "make",
    [
        lambda: kc.models.ResNet("bottleneck", (1,), "imagenet", 8, (16, 8, 3)),
        lambda: kc.models.ConvNet(8, 1, (8, 8, 3)),
        lambda: kc.models.VisionTransformer(4, 8, 1, 2, input_shape=(8, 8, 3)),
    ],
    ids=["resnet", "conv_net", "vision_transformer"],
)
def test_encoders_load_files_made_of_keras_layers(
    make, tmp_path, rng, monkeypatch
):
    patched = [
        (module, layer)
        for name, module in sys.modules.items()
        if name.startswith("keras_contrastive.encoders.")
        for layer in ("Conv2D", "MaxPooling2D")
        if hasattr(module, layer)
    ]
    assert len(patched) >= 4
    for module, layer in patched:
        monkeypatch.setattr(module, layer, getattr(keras.layers, layer))
    encoder = make()
    assert Conv2D not in {type(layer) for layer in encoder.layers}
    encoder.save(tmp_path / "encoder.keras")
    monkeypatch.undo()
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    types = {type(layer) for layer in restored.layers}
    assert Conv2D in types and keras.layers.Conv2D not in types
    images = rng.uniform(size=(2, *encoder.input_shape[1:])).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(restored(images)),
        ops.convert_to_numpy(encoder(images)),
        atol=1e-6,
    )


COPIES = "clone", "copy_", "_to_copy", "contiguous", "replication_pad2d"


def count_copies(function, batch_size):
    """How often `function()` copies a batch of images or feature maps."""
    from torch.utils._python_dispatch import TorchDispatchMode

    found = []

    class Counter(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            outputs = function(*args, **(kwargs or {}))
            if function.overloadpacket.__name__ in COPIES:
                shape = tuple(outputs.shape)
                if len(shape) == 4 and shape[0] == batch_size:
                    found.append(shape)
            return outputs

    with Counter():
        function()
    return len(found)


@on_torch
@pytest.mark.parametrize(
    "make, copies_by_keras",
    [
        # Two for each convolution: one in the stem, two in the first block
        # and three in the second.
        (lambda: kc.models.ResNet("basic", (1, 1), "cifar", 8), 12),
        # What follows the pooling is copied once, and its inputs once or
        # twice, to pad them.
        (
            lambda: kc.models.ResNet(
                "bottleneck", (1,), "imagenet", 8, (32, 32, 3)
            ),
            10,
        ),
        (lambda: kc.models.ConvNet(8, 1, (16, 16, 3)), 6),
    ],
    ids=["basic", "bottleneck", "conv_net"],
)
def test_copies_no_activation(make, copies_by_keras, monkeypatch, rng):
    encoder = make()
    images = rng.uniform(size=(5, *encoder.input_shape[1:]))
    images = ops.convert_to_tensor(images, "float32")

    def step():
        ops.sum(encoder(images, training=True) ** 2).backward()

    assert count_copies(step, 5) == 0
    monkeypatch.setattr(
        Conv2D, "convolution_op", keras.layers.Conv2D.convolution_op
    )
    monkeypatch.setattr(MaxPooling2D, "call", keras.layers.MaxPooling2D.call)
    # Fails once Keras copies less, and these layers can go.
    assert count_copies(step, 5) == copies_by_keras


@on_torch
def test_keeps_the_inputs_themselves_for_the_backward_pass(rng):
    import torch

    images = ops.convert_to_tensor(rng.uniform(size=(2, 8, 8, 3)), "float32")
    for layer in (Conv2D(8, 3, padding="same"), MaxPooling2D(2)):
        inputs = images.clone().requires_grad_()
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, kept=kept: kept.append(tensor.data_ptr()) or tensor,
            lambda tensor: tensor,
        ):
            layer(inputs)
        assert inputs.data_ptr() in kept
