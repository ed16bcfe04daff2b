import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.keras_internals import is_decayed
from tests.encoders import oracle
from tests.encoders.marks import slow_on_jax


def make(**kwargs):
    defaults = {
        "patch_size": 4,
        "width": 8,
        "num_layers": 2,
        "num_heads": 2,
        "mlp_ratio": 2.0,
        "input_shape": (8, 12, 3),
    }
    return kc.models.VisionTransformer(**{**defaults, **kwargs})


def call(encoder, images, **kwargs):
    return keras.ops.convert_to_numpy(encoder(images, **kwargs))


@pytest.fixture
def images(rng):
    return rng.uniform(size=(2, 8, 12, 3)).astype("float32")


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_is_the_network_of_the_paper(rng, images, pooling):
    encoder = make(pooling=pooling)
    oracle.shake(encoder, rng)
    w = oracle.weights(encoder)
    expected = []
    for image in images.astype("float64"):
        patches = [
            image[row : row + 4, column : column + 4].reshape(-1)
            for row in (0, 4)
            for column in (0, 4, 8)
        ]
        kernel = w["patch_embedding/kernel"].reshape(-1, 8)
        x = np.array([patch @ kernel for patch in patches])
        if pooling == "cls":
            x = np.concatenate([w["class_token/class_token"][0], x])
        x = x + w["position_embedding/position_embedding"]
        x = oracle.norm(x, w["initial_norm/gamma"], w["initial_norm/beta"])
        for name in ("block1", "block2"):
            block = oracle.weights(encoder.get_layer(name))
            x = oracle.block(x, block, num_heads=2, causal=False)
        x = oracle.norm(x, w["final_norm/gamma"], w["final_norm/beta"])
        expected.append(x[0] if pooling == "cls" else x.mean(axis=0))
    np.testing.assert_allclose(call(encoder, images), expected, atol=2e-5)


def test_is_that_of_openai_with_its_activation(rng, images):
    """As one of HF's checkpoints could be configured: nothing is fixed."""
    mean, std, epsilon = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), 0.3
    encoder = make(
        activation="quick_gelu",
        layer_norm_epsilon=epsilon,
        num_layers=1,
        mean=mean,
        std=std,
    )
    oracle.shake(encoder, rng)
    w = oracle.weights(encoder)
    kernel = w["patch_embedding/kernel"]
    x = (images[0].astype("float64") - mean) / std
    patches = x.reshape(2, 4, 3, 4, 3).transpose(0, 2, 1, 3, 4)
    x = patches.reshape(6, -1) @ kernel.reshape(-1, 8)
    x = np.concatenate([w["class_token/class_token"][0], x])
    x = x + w["position_embedding/position_embedding"]
    norms = (
        [w[f"{name}_norm/{part}"] for part in ("gamma", "beta")]
        for name in ("initial", "final")
    )
    x = oracle.norm(x, *next(norms), epsilon)
    block = oracle.weights(encoder.get_layer("block1"))
    x = oracle.block(x, block, 2, False, oracle.quick_gelu, epsilon)
    expected = oracle.norm(x, *next(norms), epsilon)[0]
    np.testing.assert_allclose(call(encoder, images)[0], expected, atol=2e-5)
    restored = kc.models.VisionTransformer.from_config(encoder.get_config())
    assert restored.get_config() == encoder.get_config()


@slow_on_jax
def test_has_the_size_of_clip_vit_b_32():
    # 87 849 216 parameters with the projection of 768 x 512; eleven blocks of
    # 7 087 872 are left out here.
    encoder = kc.models.VisionTransformer(32, 768, 1, 12)
    assert encoder.count_params() == 87_849_216 - 768 * 512 - 11 * 7_087_872
    assert encoder.output_shape == (None, 768)


@slow_on_jax
def test_starts_as_clip_does():
    encoder = make(width=128, input_shape=(32, 32, 3), num_layers=1)
    weights = oracle.weights(encoder)
    patch = weights["patch_embedding/kernel"]
    assert np.abs(patch).max() == pytest.approx(48**-0.5, rel=0.01)
    assert patch.std() == pytest.approx((3 * 48) ** -0.5, rel=0.03)
    token = weights["class_token/class_token"]
    assert token.std() == pytest.approx(128**-0.5, rel=0.2)
    positions = weights["position_embedding/position_embedding"]
    assert positions.std() == pytest.approx(0.01, rel=0.05)


def test_patch_dropout_leaves_half_the_patches(images):
    encoder = make(patch_dropout=0.5)
    seen = []
    block = encoder.get_layer("block1")
    attend = block.call

    def call_and_see(inputs, **kwargs):
        seen.append(tuple(inputs.shape))
        return attend(inputs, **kwargs)

    block.call = call_and_see
    first, second = (call(encoder, images, training=True) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    call(encoder, images)
    assert seen == [(2, 4, 8), (2, 4, 8), (2, 7, 8)]


def test_trains_all_weights_and_returns_from_a_file(tmp_path, rng, images):
    encoder = make(patch_dropout=0.5, dropout=0.1, num_layers=1)
    model = keras.Sequential([encoder, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = encoder.get_weights()
    targets = rng.normal(size=(2, 1)).astype("float32")
    model.fit(images, targets, batch_size=2, epochs=3, verbose=0)
    for variable, old in zip(encoder.weights, before, strict=True):
        if variable.trainable:
            assert np.abs(np.array(variable) - old).max() > 0, variable.path

    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    assert type(restored) is kc.models.VisionTransformer
    assert restored.get_config() == encoder.get_config()
    np.testing.assert_array_equal(call(restored, images), call(encoder, images))
    # A resumed run drops the patches that the other one would have dropped.
    np.testing.assert_array_equal(
        call(restored, images, training=True),
        call(encoder, images, training=True),
    )


def test_half_precision_is_near_full_precision(images):
    full, half = make(), make(dtype="mixed_bfloat16")
    half.set_weights(full.get_weights())
    outputs = keras.ops.cast(half(images), "float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(outputs), call(full, images), atol=0.1
    )


def test_weight_decay_leaves_tokens_and_positions_out():
    encoder = make()
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.1)
    kc.optimizers.exclude_from_weight_decay(encoder, optimizer)
    decayed = {
        v.path.split("/")[-2]
        for v in encoder.trainable_variables
        if is_decayed(optimizer, v)
    }
    assert decayed == {
        "patch_embedding",
        "qkv",
        "attention_output",
        "mlp_hidden",
        "mlp_output",
    }


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"patch_size": 0}, "`patch_size` must be"),
        ({"input_shape": (8, 10, 3)}, "`input_shape` must be"),
        ({"input_shape": (None, None, 3)}, "`input_shape` must be"),
        ({"pooling": "max"}, "`pooling` must be"),
        ({"mean": (0.5, 0.5, 0.5)}, "`mean` and `std` must both"),
        ({"mean": (0.5,), "std": (0.5,)}, "`mean` and `std` must both"),
        ({"activation": "relu"}, "`activation` must be one of"),
        ({"layer_norm_epsilon": 0.0}, "`layer_norm_epsilon` must be"),
        ({"patch_dropout": 1.0}, "`patch_dropout` must be"),
        ({"num_heads": 3}, "`width` must be a multiple"),
    ],
)
def test_rejects(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


@pytest.mark.one_backend
@pytest.mark.parametrize("grid", [2, (2,), (2, 2, 2), "ab", (2, 0)])
def test_a_position_grid_is_a_pair(grid):
    with pytest.raises(ValueError, match="`position_grid` must be"):
        kc.models.VisionTransformer(
            4, 8, 1, 2, input_shape=(None, None, 3), position_grid=grid
        )
    pair = np.array([2, 3])
    encoder = kc.models.VisionTransformer(
        4, 8, 1, 2, input_shape=(None, None, 3), position_grid=pair
    )
    assert encoder.position_grid == (2, 3)
