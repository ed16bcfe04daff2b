import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.encoders import oracle
from tests.encoders.marks import slow_on_jax

# As many tokens and as wide as the images of the vision transformer's tests:
# JAX compiles each operation for each shape.
TOKENS = np.array([[1, 7, 9, 2, 0, 0, 0], [1, 9, 2, 8, 2, 0, 0]], "int32")


def make(**kwargs):
    defaults = {
        "vocabulary_size": 10,
        "end_id": 2,
        "context_length": 7,
        "width": 8,
        "num_layers": 2,
        "num_heads": 2,
        "mlp_ratio": 2.0,
    }
    return kc.models.TextTransformer(**{**defaults, **kwargs})


def call(encoder, tokens, **kwargs):
    return keras.ops.convert_to_numpy(encoder(np.array(tokens), **kwargs))


@pytest.mark.one_backend
def test_is_the_network_of_the_paper(rng):
    encoder = make()
    oracle.shake(encoder, rng)
    w = oracle.weights(encoder)
    expected = []
    for row, end in zip(TOKENS, (3, 2), strict=True):
        x = w["token_embedding/embeddings"][row]
        x = x + w["position_embedding/position_embedding"]
        for name in ("block1", "block2"):
            block = oracle.weights(encoder.get_layer(name))
            x = oracle.block(x, block, num_heads=2, causal=True)
        x = oracle.norm(x, w["final_norm/gamma"], w["final_norm/beta"])
        expected.append(x[end])
    np.testing.assert_allclose(call(encoder, TOKENS), expected, atol=2e-5)


@slow_on_jax
def test_has_the_size_of_clip_vit_b_32():
    # 63 428 096 parameters with the projection of 512 x 512; eleven blocks of
    # 3 152 384 and 48 408 tokens are left out here.
    encoder = kc.models.TextTransformer(1000, 2, num_layers=1)
    expected = 63_428_096 - 512 * 512 - 11 * 3_152_384 - 48_408 * 512
    assert encoder.count_params() == expected


@slow_on_jax
def test_starts_as_clip_does():
    encoder = make(vocabulary_size=200, width=128, num_layers=3, mlp_ratio=4.0)
    weights = oracle.weights(encoder.get_layer("block2"))
    stream = 128**-0.5 * 6**-0.5
    for name, stddev in (
        ("qkv", 128**-0.5),
        ("attention_output", stream),
        ("mlp_hidden", 256**-0.5),
        ("mlp_output", stream),
    ):
        assert weights[f"{name}/kernel"].std() == pytest.approx(
            stddev, rel=0.03
        )
        assert not weights[f"{name}/bias"].any()
    weights = oracle.weights(encoder)
    tokens = weights["token_embedding/embeddings"]
    assert tokens.std() == pytest.approx(0.02, rel=0.03)
    positions = weights["position_embedding/position_embedding"]
    assert positions.std() == pytest.approx(0.01, rel=0.1)


def test_reads_all_up_to_the_first_end_and_nothing_behind():
    encoder = make()
    reference = call(encoder, TOKENS)
    behind = TOKENS.copy()
    behind[0, 4:] = 9, 2, 5
    behind[1, 3:] = 5
    np.testing.assert_allclose(call(encoder, behind), reference, atol=1e-6)
    for position in range(3):
        before = TOKENS.copy()
        before[0, position] = 5
        changed = np.abs(call(encoder, before) - reference).max(axis=1)
        assert changed[0] > 1e-3
        assert changed[1] < 1e-6


@pytest.mark.one_backend
def test_texts_may_be_shorter_than_the_context():
    encoder = make(context_length=20)
    np.testing.assert_allclose(
        call(encoder, TOKENS[:, :4]), call(encoder, TOKENS), atol=1e-6
    )


@pytest.mark.parametrize(
    "tokens, message",
    [
        ([[1, 2] + [0] * 5, [1, 3] * 3 + [4]], r"1 of 2 rows .* \(row 1\)"),
        ([[1, 2], [10, 2]], r"below 10\. Received: \[10\], first in row 1"),
        ([[-1, 2]], r"Received: \[-1\]"),
        ([[1] * 7 + [2]], r"at most 7"),
    ],
)
def test_rejects_tokens(tokens, message):
    encoder = make()
    with pytest.raises(ValueError, match=message):
        encoder(np.array(tokens))
    with pytest.raises(ValueError, match=message):
        encoder.check_tokens(np.array(tokens))


def test_training_cannot_look_at_tokens():
    """As in a compiled step: the last position stands in for the end."""
    encoder = make()
    tokens = np.where(TOKENS == 2, 5, TOKENS)
    tokens[:, -1] = 3
    outputs = call(encoder, tokens, training=True)
    encoder.get_layer("pool").end_id = 3
    np.testing.assert_allclose(outputs, call(encoder, tokens), atol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"vocabulary_size": 0}, "`vocabulary_size` must be"),
        ({"context_length": 0}, "`context_length` must be"),
        ({"num_layers": 0}, "`num_layers` must be"),
        ({"width": 9}, "`width` must be a multiple"),
        ({"end_id": 10}, "`end_id` must be"),
        ({"dropout": 1.0}, "`dropout` must be"),
        ({"mlp_ratio": 0.0}, "`mlp_ratio` must"),
    ],
)
def test_rejects_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_half_precision_is_near_full_precision():
    policy = "mixed_float16"
    full, half = make(), make(dtype=policy)
    half.set_weights(full.get_weights())
    assert {layer.dtype_policy.name for layer in half.layers[1:]} == {policy}
    outputs = half(TOKENS)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy[6:]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32")),
        call(full, TOKENS),
        atol=0.1,
    )


def test_trains_all_weights_and_returns_from_a_file(tmp_path, rng):
    encoder = make(dropout=0.1, num_layers=1)
    model = keras.Sequential([encoder, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = encoder.get_weights()
    targets = rng.normal(size=(2, 1)).astype("float32")
    model.fit(TOKENS, targets, batch_size=2, epochs=2, verbose=0)
    for variable, old in zip(encoder.weights, before, strict=True):
        if variable.trainable:
            assert np.abs(np.array(variable) - old).max() > 0, variable.path

    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    assert type(restored) is kc.models.TextTransformer
    assert restored.get_config() == encoder.get_config()
    np.testing.assert_array_equal(call(restored, TOKENS), call(encoder, TOKENS))
    # A resumed run drops the units that the other one would have dropped.
    np.testing.assert_array_equal(
        call(restored, TOKENS, training=True),
        call(encoder, TOKENS, training=True),
    )


def test_dropout_is_for_training():
    encoder = make(dropout=0.5, num_layers=1)
    first, second = (call(encoder, TOKENS, training=True) for _ in range(2))
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_array_equal(call(encoder, TOKENS), call(encoder, TOKENS))
