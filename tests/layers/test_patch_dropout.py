import keras
import numpy as np
import pytest

import keras_contrastive as kc


def numbered_tokens(batch, tokens):
    """The features of token i are (i, 10 i)."""
    index = np.arange(tokens, dtype="float32")
    row = np.stack([index, 10 * index], axis=-1)
    return np.repeat(row[None], batch, axis=0)


def kept(layer, batch=64, tokens=17):
    outputs = layer(numbered_tokens(batch, tokens), training=True)
    outputs = keras.ops.convert_to_numpy(outputs)
    np.testing.assert_array_equal(outputs[..., 1], 10 * outputs[..., 0])
    return outputs[..., 0].astype(int)


@pytest.mark.parametrize(
    "rate, prefix, expected",
    [(0.5, 1, 9), (0.25, 0, 13), (0.99, 2, 3), (0.0, 0, 17)],
)
def test_keeps_so_many_whole_tokens_in_order(rate, prefix, expected):
    layer = kc.layers.PatchDropout(rate, num_prefix_tokens=prefix, seed=0)
    index = kept(layer)
    assert index.shape == (64, expected)
    assert (np.diff(index, axis=1) > 0).all()
    np.testing.assert_array_equal(
        index[:, :prefix], np.tile(np.arange(prefix), (64, 1))
    )


def test_draws_anew_for_each_example_and_call():
    layer = kc.layers.PatchDropout(0.5, seed=0)
    first, second = kept(layer), kept(layer)
    assert len(np.unique(first, axis=0)) > 60
    assert (first != second).any(axis=1).mean() > 0.9


def test_every_token_is_as_likely():
    layer = kc.layers.PatchDropout(0.5, num_prefix_tokens=1, seed=0)
    counts = np.bincount(kept(layer, batch=2000).ravel(), minlength=17) / 2000
    assert counts[0] == 1
    # 5 standard deviations of a share of 2000.
    np.testing.assert_allclose(counts[1:], 0.5, atol=5 * 0.5 / 2000**0.5)


def test_is_the_identity_outside_of_training():
    tokens = numbered_tokens(2, 17)
    outputs = kc.layers.PatchDropout(0.5)(tokens)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(outputs), tokens)


def test_runs_in_a_compiled_step_and_returns_from_a_file(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((17, 2)),
            keras.layers.Dense(2, use_bias=False),
            kc.layers.PatchDropout(0.5, num_prefix_tokens=1, seed=3),
            keras.layers.GlobalAveragePooling1D(),
        ]
    )
    # True means XLA for TensorFlow.
    jit_compile = True if keras.backend.backend() == "tensorflow" else "auto"
    model.compile("sgd", "mse", jit_compile=jit_compile)
    tokens = numbered_tokens(4, 17) / 100
    model.fit(tokens, np.ones((4, 2)), batch_size=4, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    first, second = (m.layers[1] for m in (model, restored))
    assert second.get_config() == first.get_config()
    np.testing.assert_array_equal(kept(first), kept(second))


@pytest.mark.parametrize("arguments", [{"rate": 1.0}, {"rate": -0.1}])
def test_rejects_rates(arguments):
    with pytest.raises(ValueError, match="`rate` must be"):
        kc.layers.PatchDropout(**arguments)


def test_rejects_what_it_cannot_drop_from():
    with pytest.raises(ValueError, match="`num_prefix_tokens` must be"):
        kc.layers.PatchDropout(0.5, num_prefix_tokens=-1)
    layer = kc.layers.PatchDropout(0.5, num_prefix_tokens=1)
    for shape in ((2, 1, 8), (2, 4, 4, 8)):
        with pytest.raises(ValueError, match="`inputs` of a PatchDropout"):
            layer(np.ones(shape))
    with pytest.raises(ValueError, match="a known number of tokens"):
        layer(keras.Input((None, 8)), training=True)
