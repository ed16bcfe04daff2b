"""The value of a loss doesn't depend on the blocks it is computed in."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.losses import key_blocks
from keras_contrastive.losses.key_blocks import KeyBlocks
from keras_contrastive.losses.logit_blocks import logsumexp_blocks
from tests.autodiff import value_and_gradients
from tests.losses.helpers import recorded_block_sizes
from tests.losses.helpers import views
from tests.oracles import numeric_gradient

N, DIM = 11, 5
IDS = np.array([0, 1, 2, 0, 3, 4, 4, 5, 0, 6, 7], "int32")
# One key at a time, ragged last blocks, the whole batch and more than it.
BLOCK_SIZES = [1, 3, 4, 10, 11, 22, 1000, None]


def nt_xent(block_size):
    loss = kc.losses.NTXentLoss(0.05, block_size)
    return lambda a, b: loss(a, b)


def decoupled(block_size):
    loss = kc.losses.DecoupledNTXentLoss(0.05, block_size=block_size)
    return lambda a, b: loss(a, b)


def clip(block_size, ids=None, negatives=None):
    loss = kc.losses.CLIPLoss(block_size=block_size)
    return lambda a, b, scale: loss(
        a, b, scale, image_ids=ids, negative_text_embeddings=negatives
    )


def siglip(block_size, ids=None):
    loss = kc.losses.SigLIPLoss(block_size=block_size)
    return lambda a, b, scale, bias: loss(a, b, scale, bias, image_ids=ids)


def supcon(block_size, form):
    loss = kc.losses.SupConLoss(block_size=block_size, form=form)
    return lambda a: loss(IDS, a)


CASES = {
    "nt_xent": nt_xent,
    "decoupled": decoupled,
    "clip": clip,
    "clip with ids": lambda size: clip(size, IDS),
    "clip with negatives": lambda size: clip(size, IDS, views(6, DIM, 1)[0]),
    "siglip": siglip,
    "siglip with ids": lambda size: siglip(size, IDS),
    "supcon out": lambda size: supcon(size, "out"),
    "supcon in": lambda size: supcon(size, "in"),
}


def arguments(case):
    z_a, z_b = views(N, DIM)
    if case.startswith("supcon"):
        return [z_a]
    scalars = {"clip": [12.0], "siglip": [12.0, -8.0]}.get(case.split()[0], [])
    return [z_a, z_b, *(np.float32(s) for s in scalars)]


@pytest.mark.one_case
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_any_block_size(case, block_size):
    value, gradients = value_and_gradients(
        CASES[case](block_size), *arguments(case)
    )
    # The oracles of the other tests are met by the default, one block here.
    expected, expected_gradients = value_and_gradients(
        CASES[case](2 * N), *arguments(case)
    )
    np.testing.assert_allclose(value, expected, rtol=2e-6)
    for one, other in zip(gradients, expected_gradients, strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("case", CASES)
def test_the_block_size_is_that_of_every_sum(case, monkeypatch):
    sizes = recorded_block_sizes(monkeypatch)
    CASES[case](7)(*arguments(case))
    assert sizes == {7}


def test_default_blocks_have_half_a_million_logits(monkeypatch):
    monkeypatch.setattr(key_blocks, "has_accelerator", lambda: False)
    for n, size in [(1024, 512), (4096, 128), (65_536, 128), (2, 200_000)]:
        assert KeyBlocks(n, 200_000, None).size == size
    assert KeyBlocks(1024, 200_000, 7).size == 7


def test_an_accelerator_gets_fewer_and_larger_blocks(monkeypatch):
    monkeypatch.setattr(key_blocks, "has_accelerator", lambda: True)
    # One where the logits take 256 MB; then as many keys as make reading all
    # queries once a block a small part.
    for n, m, size in [
        (4096, 4096, 4096),
        (8192, 8192, 8192),
        (16_384, 16_384, 4096),
        (131_072, 131_072, 2048),
        (2**20, 2**20, 2048),
    ]:
        assert KeyBlocks(n, m, None).size == size
    z_a, z_b = views(N, DIM)
    loss = kc.losses.CLIPLoss()
    with monkeypatch.context() as context:
        context.setattr(key_blocks, "ACCELERATOR_BLOCK", (1, 4))
        value = loss(z_a, z_b)
    assert float(value) == pytest.approx(float(loss(z_a, z_b)), rel=1e-6)


def test_what_one_block_and_whole_blocks_spare():
    """No loop for one block, nothing hidden where none overlap."""
    calls = []
    one = KeyBlocks(4, 6, 6)
    assert one.fold(lambda i, state: calls.append(i) or state, "state") == (
        "state"
    )
    assert calls == [0] and isinstance(calls[0], int)
    logits = keras.ops.ones((4, 3))
    assert KeyBlocks(4, 6, 3).hide(1, logits, 0.0) is logits
    hidden = KeyBlocks(4, 5, 3).hide(1, logits, 0.0)
    np.testing.assert_array_equal(hidden, [[0, 1, 1]] * 4)


@pytest.mark.one_case
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_float32_inside_whatever_keras_computes_in(case, floatx):
    expected, expected_gradients = value_and_gradients(
        CASES[case](5), *arguments(case)
    )
    keras.config.set_floatx(floatx)
    try:
        value, gradients = value_and_gradients(CASES[case](5), *arguments(case))
    finally:
        keras.config.set_floatx("float32")
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    for one, other in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("block_size", [3, None])
def test_rows_and_columns_have_gradients_of_their_own(block_size):
    queries, keys = views(4, 3)[0], views(7, 3)[1]
    weights = np.random.default_rng(0).normal(size=4 + 7).astype("float32")

    def weighted(queries, keys):
        sums = logsumexp_blocks(queries, keys, 2.0, block_size, of_columns=True)
        return keras.ops.sum(keras.ops.multiply(weights, sums))

    def reference(queries, keys):
        exponentials = np.exp(2 * queries @ keys.T)
        sums = [exponentials.sum(axis) for axis in (1, 0)]
        return weights @ np.log(np.concatenate(sums))

    _, gradients = value_and_gradients(weighted, queries, keys)
    expected = [
        numeric_gradient(lambda q: reference(q, keys), queries),
        numeric_gradient(lambda k: reference(queries, k), keys),
    ]
    for actual, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5)


def compiled(function):
    """`function` under the backend's compiler, at batch sizes unknown to it."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        spec = tf.TensorSpec((None, DIM))
        return tf.function(function, input_signature=[spec, spec])
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


@pytest.mark.parametrize("block_size", [3, None])
def test_compiled(block_size):
    z_a, z_b = views(N, DIM)
    loss = kc.losses.CLIPLoss(block_size=block_size)
    value = compiled(lambda a, b: loss(a, b, image_ids=IDS))(z_a, z_b)
    expected = loss(z_a, z_b, image_ids=IDS)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)


def test_second_derivatives_fail_clearly():
    loss = kc.losses.CLIPLoss(block_size=4)
    z_a, z_b = views(N, DIM)
    with pytest.raises(NotImplementedError, match="no second derivative"):
        _second_derivative(lambda a: loss(a, z_b), z_a)


def _second_derivative(function, x):
    x = keras.ops.convert_to_tensor(x)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = function(x)
            gradient = inner.gradient(value, x)
        return outer.gradient(gradient, x)
    if keras.backend.backend() == "jax":
        import jax

        first = jax.grad(function)
        return jax.grad(lambda x: first(x).sum())(x)
    import torch

    x.requires_grad_()
    (gradient,) = torch.autograd.grad(function(x), x, create_graph=True)
    return torch.autograd.grad(gradient.sum(), x)


@pytest.mark.parametrize("block_size", [0, -4])
def test_rejects_block_size(block_size):
    with pytest.raises(ValueError, match="`block_size` must be .*Received"):
        kc.losses.NTXentLoss(block_size=block_size)
