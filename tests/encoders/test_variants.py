"""The options of the transformers: SigLIP's towers, and CLIPA's."""

import math

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.encoders import oracle
from tests.encoders.marks import slow_on_jax
from tests.encoders.test_text_transformer import TOKENS
from tests.encoders.test_text_transformer import make as make_text
from tests.encoders.test_vision_transformer import make as make_image

SIGLIP = {
    "pooling": "attention",
    "patch_bias": True,
    "initial_norm": False,
    "activation": "gelu_tanh",
    "num_layers": 1,
}
CLIPA = {
    "pooling": "mean",
    "class_token": True,
    "initial_norm": False,
    "norm_after_pooling": True,
    "output_dim": 5,
    "num_layers": 1,
}


def gelu_tanh(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner))


def attention_pool(x, w, num_heads):
    """One sequence (tokens, width) to one vector."""
    width = x.shape[1]
    size = width // num_heads
    query = w["pool/probe"][0, 0] @ w["query/kernel"] + w["query/bias"]
    key_value = x @ w["key_value/kernel"] + w["key_value/bias"]
    attended = np.zeros(width)
    for head in range(num_heads):
        part = slice(head * size, (head + 1) * size)
        p = np.exp(key_value[:, :width][:, part] @ query[part] / size**0.5)
        attended[part] = p / p.sum() @ key_value[:, width:][:, part]
    x = attended @ w["attention_output/kernel"] + w["attention_output/bias"]
    h = oracle.norm(x, w["mlp_norm/gamma"], w["mlp_norm/beta"])
    h = gelu_tanh(h @ w["mlp_hidden/kernel"] + w["mlp_hidden/bias"])
    return x + h @ w["mlp_output/kernel"] + w["mlp_output/bias"]


@pytest.mark.parametrize("name", ["SigLIP", "CLIPA"])
def test_image_towers(name, rng):
    encoder = make_image(**{"SigLIP": SIGLIP, "CLIPA": CLIPA}[name])
    oracle.shake(encoder, rng)
    images = rng.uniform(size=(2, 8, 12, 3)).astype("float32")
    w = oracle.weights(encoder)
    kernel = w["patch_embedding/kernel"].reshape(-1, 8)
    expected = []
    for image in images.astype("float64"):
        patches = image.reshape(2, 4, 3, 4, 3).transpose(0, 2, 1, 3, 4)
        x = patches.reshape(6, -1) @ kernel
        if name == "SigLIP":
            x = x + w["patch_embedding/bias"]
        else:
            x = np.concatenate([w["class_token/class_token"][0], x])
        x = x + w["position_embedding/position_embedding"]
        x = oracle.block(
            x,
            oracle.weights(encoder.get_layer("block1")),
            2,
            False,
            gelu_tanh if name == "SigLIP" else oracle.gelu,
        )
        norm = w["final_norm/gamma"], w["final_norm/beta"]
        if name == "SigLIP":
            pool = oracle.weights(encoder.get_layer("pool"))
            expected.append(attention_pool(oracle.norm(x, *norm), pool, 2))
        else:
            x = oracle.norm(x[1:].mean(axis=0), *norm)
            expected.append(x @ w["output/kernel"] + w["output/bias"])
    actual = keras.ops.convert_to_numpy(encoder(images))
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def test_text_tower_of_siglip(rng):
    encoder = make_text(
        causal=False, pooling="last", end_id=None, output_dim=5, num_layers=1
    )
    oracle.shake(encoder, rng)
    w = oracle.weights(encoder)
    expected = []
    for row in TOKENS:
        x = w["token_embedding/embeddings"][row]
        x = x + w["position_embedding/position_embedding"]
        block = oracle.weights(encoder.get_layer("block1"))
        x = oracle.block(x, block, num_heads=2, causal=False)[-1]
        x = oracle.norm(x, w["final_norm/gamma"], w["final_norm/beta"])
        expected.append(x @ w["output/kernel"] + w["output/bias"])
    actual = keras.ops.convert_to_numpy(encoder(TOKENS))
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def clip(dtype=None, **text):
    return kc.CLIPModel(
        make_image(**SIGLIP, dtype=dtype),
        make_text(
            causal=False,
            pooling="last",
            end_id=None,
            num_layers=1,
            dtype=dtype,
            **text,
        ),
        projection_dim=None,
    )


@pytest.mark.parametrize("dtype", [None, "mixed_float16"])
@slow_on_jax
def test_train_without_projections_and_return_from_a_file(dtype, tmp_path, rng):
    model = clip(dtype)
    images = rng.uniform(size=(2, 8, 12, 3)).astype("float32")
    model.compile(keras.optimizers.SGD(0.1), loss="siglip")
    before = model.get_weights()
    model.fit(images, TOKENS, batch_size=2, epochs=2, verbose=0)
    changed = [
        np.abs(np.array(variable) - old).max() > 0
        for variable, old in zip(model.weights, before, strict=True)
        # Half precision rounds small gradients to zero.
        if variable.trainable and "bias" not in variable.path
    ]
    assert all(changed)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.get_config() == model.get_config()
    for name in ("encode_image", "encode_text"):
        data = images if name == "encode_image" else TOKENS
        one, other = (getattr(each, name)(data) for each in (model, restored))
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        )


@pytest.mark.one_backend
def test_without_projections_dimensions_must_agree(rng):
    model = clip(output_dim=5)
    with pytest.raises(ValueError, match=r"`projection_dim`.*\(8, 5\)"):
        model.build_from_encoders()


@pytest.mark.one_backend
def test_pixels_beyond_the_last_patch_are_not_seen(rng):
    encoder = make_image(input_shape=(9, 15, 3), whole_patches=False)
    images = rng.uniform(size=(1, 9, 15, 3)).astype("float32")
    changed = images.copy()
    changed[:, 8:] = changed[:, :, 12:] = 0
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(encoder(images)),
        keras.ops.convert_to_numpy(encoder(changed)),
    )


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "make, arguments, message",
    [
        (make_image, {"class_token": False}, "`class_token` must be left out"),
        (make_image, {"norm_after_pooling": True}, 'needs pooling="mean"'),
        (make_image, {"output_dim": 0}, "`output_dim`"),
        (
            make_text,
            {"pooling": "first"},
            "`pooling` must be one of 'end'",
        ),
        (make_text, {"pooling": "last"}, "`end_id` must be None"),
        (make_text, {"output_dim": 1.5}, "`output_dim`"),
    ],
)
def test_rejects(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
