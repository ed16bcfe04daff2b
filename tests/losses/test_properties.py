"""What holds for every loss, whatever the embeddings."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import keras_contrastive as kc
from tests.autodiff import value_and_gradients

LOSSES = {
    "nt_xent": kc.losses.NTXentLoss,
    "clip": kc.losses.CLIPLoss,
    "siglip": kc.losses.SigLIPLoss,
    "supcon": kc.losses.SupConLoss,
}
DEFAULTS = {
    "nt_xent": {"temperature": 0.5},
    "clip": {"temperature": 0.07},
    "siglip": {"temperature": 0.1, "bias": -10.0},
    "supcon": {"temperature": 0.1, "form": "out"},
}
# Few shapes: JAX compiles each of them anew.
SHAPES = [(1, 1), (2, 5), (6, 3)]
LARGEST = {"float16": 6e4, "bfloat16": 1e38, "float32": 1e38}


def of_pair(name, temperature, **kwargs):
    """The loss as a function of two batches of embeddings."""
    loss = LOSSES[name](temperature, **kwargs)
    if name != "supcon":
        return loss

    def of_views(first, second):
        labels = np.arange(first.shape[0])
        views = keras.ops.concatenate([first, second])
        return loss(np.concatenate([labels, labels]), views)

    return of_views


@st.composite
def embeddings(draw, largest):
    """Two batches with rows of zeros, copies, and numbers of any size."""
    shape = draw(st.sampled_from(SHAPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    batches = rng.normal(size=(2, *shape))
    # float32 holds the sum of squares of 1e18.
    sizes = [0.0, 1e-30, 1e-12, 1e-6, 1e-3, 1.0, 1e3, min(largest, 1e18)]
    scale = [draw(st.sampled_from(sizes)) for _ in range(2 * shape[0])]
    batches = np.clip(
        batches * np.reshape(scale, (2, shape[0], 1)), -largest, largest
    )
    if draw(st.booleans()):
        batches[1] = batches[0]
    if draw(st.booleans()):
        batches[:, -1] = batches[:, 0]
    return batches


@pytest.mark.one_case
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=15, deadline=None)
@given(
    data=st.data(),
    temperature=st.sampled_from([1e-3, 0.07, 1.0, 10.0]),
    block_size=st.sampled_from([None, 1]),
)
def test_loss_and_gradients_are_finite(
    name, dtype, data, temperature, block_size
):
    batches = data.draw(embeddings(LARGEST[dtype]))
    loss = of_pair(name, temperature, block_size=block_size)

    def cast_loss(first, second):
        # As a layer of this precision hands them over.
        first, second = (keras.ops.cast(z, dtype) for z in (first, second))
        return loss(first, second)

    value, gradients = value_and_gradients(cast_loss, *batches.astype("f4"))
    assert np.isfinite(value)
    # A row near zero is steeper than float16 can say. The loss scale of
    # mixed_float16 skips such a step.
    if dtype != "float16":
        assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.one_case
@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    shape=st.sampled_from([(2, 5), (6, 3)]),
    temperature=st.sampled_from([0.07, 1.0]),
    scale=st.floats(1e-3, 1e3),
)
def test_order_views_and_lengths_do_not_matter(
    name, seed, shape, temperature, scale
):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, *shape)).astype("float32")
    loss = of_pair(name, temperature)
    expected = pytest.approx(float(loss(first, second)), rel=1e-4, abs=1e-5)
    order = rng.permutation(len(first))
    assert float(loss(first[order], second[order])) == expected
    assert float(loss(second, first)) == expected
    assert float(loss(first * np.float32(scale), second)) == expected


@pytest.mark.parametrize("name", LOSSES)
def test_defaults_are_those_of_the_papers(name):
    expected = {
        **DEFAULTS[name],
        "name": f"{name}_loss",
        "block_size": None,
        "gather": True,
        "reduction": "sum_over_batch_size",
    }
    assert expected.items() <= LOSSES[name]().get_config().items()
