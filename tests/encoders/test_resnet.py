import keras
import numpy as np
import pytest

import keras_contrastive as kc


@pytest.mark.one_backend
# Parameters of torchvision's models without their classifier.
@pytest.mark.parametrize(
    "make, dim, parameters",
    [
        (kc.models.ResNet18, 512, 11_176_512),
        (kc.models.ResNet34, 512, 21_284_672),
        (kc.models.ResNet50, 2048, 23_508_032),
    ],
)
def test_is_the_networks_of_the_paper(make, dim, parameters):
    encoder = make(stem="imagenet")
    assert encoder.input_shape == (None, 224, 224, 3)
    assert encoder.output_shape == (None, dim)
    trained = sum(int(np.prod(v.shape)) for v in encoder.trainable_variables)
    assert trained == parameters


@pytest.mark.parametrize(
    "stem, size, expected", [("cifar", 32, 4), ("imagenet", 224, 7)]
)
def test_stems_reduce_as_they_say(stem, size, expected):
    encoder = kc.models.ResNet18(stem=stem, width=8)
    assert encoder.get_layer("pool").input.shape[1:3] == (expected, expected)
    assert encoder.input_shape[1] == size


@pytest.mark.parametrize("zero", [False, True])
def test_blocks_start_as_the_identity_if_asked_to(zero, rng):
    encoder = kc.models.ResNet18("cifar", width=8, zero_init_residual=zero)
    encoder = type(encoder).from_config(encoder.get_config())
    last_norms = [
        layer
        for layer in encoder.layers
        if layer.name.endswith("_2_norm") and "block" in layer.name
    ]
    assert len(last_norms) == 8
    for norm in last_norms:
        gains = keras.ops.convert_to_numpy(norm.gamma)
        np.testing.assert_array_equal(gains, 0.0 if zero else 1.0)
    images = rng.uniform(size=(2, 32, 32, 3)).astype("float32")
    stem = keras.Model(encoder.input, encoder.get_layer("stem_relu").output)
    first = keras.Model(
        encoder.input, encoder.get_layer("stage1_block1_relu").output
    )
    outputs, inputs = (
        keras.ops.convert_to_numpy(part(images)) for part in (first, stem)
    )
    assert np.allclose(outputs, inputs, rtol=1e-6) == zero


@pytest.mark.one_backend
def test_any_image_size():
    encoder = kc.models.ResNet18("cifar", width=8, input_shape=(None, None, 3))
    for size in (17, 40):
        assert encoder(np.ones((1, size, size, 3))).shape == (1, 64)


@pytest.mark.one_backend
@pytest.mark.parametrize("make", [kc.models.ResNet18, kc.models.ResNet50])
def test_file_round_trip(tmp_path, rng, make):
    encoder = make(stem="cifar", width=8, input_shape=(8, 8, 3))
    images = rng.uniform(size=(2, 8, 8, 3)).astype("float32")
    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    assert type(restored) is kc.models.ResNet
    np.testing.assert_array_equal(
        encoder.predict(images, verbose=0), restored.predict(images, verbose=0)
    )


def test_dtype_reaches_every_layer():
    encoder = kc.models.ResNet18("cifar", width=8, dtype="mixed_bfloat16")
    policies = {layer.dtype_policy.name for layer in encoder.layers[1:]}
    assert policies == {"mixed_bfloat16"}


@pytest.mark.parametrize(
    "arguments", [{"stem": "mnist"}, {"width": 0}, {"block_type": "wide"}]
)
def test_rejects(arguments):
    valid = {"block_type": "basic", "stack_sizes": (1, 1), "stem": "cifar"}
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        kc.models.ResNet(**{**valid, **arguments})
