"""What CLIPLoss and SigLIPLoss have in common, and what tells them apart."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import round_trip
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views

BOTH = [kc.losses.CLIPLoss, kc.losses.SigLIPLoss]
IDS = np.array([7, 3, 7, 2**24 + 1, 2**24])


def per_example(loss_class, images, texts, *args, **kwargs):
    loss = loss_class(reduction=None)
    losses = loss(images, texts, *args, **kwargs)
    return keras.ops.convert_to_numpy(losses)


@pytest.mark.parametrize("ids", [None, IDS], ids=["pairs", "image_ids"])
@pytest.mark.parametrize("scale", [1.0, 100 / 7, 100.0])
def test_clip_is_the_papers(scale, ids):
    images, texts = views(5, 4)
    rows = oracles.clip_rows(images, texts, scale, ids)
    close = {"rtol": 2e-5, "atol": 1e-4}
    actual = per_example(
        kc.losses.CLIPLoss, images, texts, np.float32(scale), image_ids=ids
    )
    np.testing.assert_allclose(actual, rows, **close)
    loss = kc.losses.CLIPLoss(temperature=1 / scale)
    assert float(loss(images, texts, image_ids=ids)) == pytest.approx(
        rows.mean(), rel=1e-4, abs=1e-4
    )


@pytest.mark.parametrize("ids", [None, IDS], ids=["pairs", "image_ids"])
@pytest.mark.parametrize("scale, bias", [(10.0, -10.0), (1.0, 0.0), (99, -3.5)])
def test_siglip_is_the_papers(scale, bias, ids):
    images, texts = views(5, 4)
    rows = oracles.siglip_rows(images, texts, scale, bias, ids)
    close = {"rtol": 2e-5, "atol": 1e-4}
    actual = per_example(
        kc.losses.SigLIPLoss,
        images,
        texts,
        np.float32(scale),
        np.float32(bias),
        image_ids=ids,
    )
    np.testing.assert_allclose(actual, rows, **close)
    loss = kc.losses.SigLIPLoss(temperature=1 / scale, bias=bias)
    assert float(loss(images, texts, image_ids=ids)) == pytest.approx(
        rows.mean(), rel=1e-4
    )


@pytest.mark.parametrize("ids", [None, IDS], ids=["pairs", "image_ids"])
def test_gradients_of_clip_are_the_papers(ids):
    images, texts = views(5, 4)
    scale = np.float32(5)
    loss = kc.losses.CLIPLoss()
    _, gradients = value_and_gradients(
        lambda x, y, s: loss(x, y, s, image_ids=ids), images, texts, scale
    )

    def reference(x, y, s):
        return oracles.clip_rows(x, y, s, ids).mean()

    expected = [
        oracles.numeric_gradient(lambda x: reference(x, texts, scale), images),
        oracles.numeric_gradient(lambda y: reference(images, y, scale), texts),
        oracles.numeric_gradient(lambda s: reference(images, texts, s), scale),
    ]
    for actual, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("ids", [None, IDS], ids=["pairs", "image_ids"])
def test_gradients_of_siglip_are_the_papers(ids):
    images, texts = views(5, 4)
    scale, bias = np.float32(5), np.float32(-2)
    loss = kc.losses.SigLIPLoss()
    _, gradients = value_and_gradients(
        lambda x, y, s, b: loss(x, y, s, b, image_ids=ids),
        *(images, texts, scale, bias),
    )

    def reference(x, y, s, b):
        return oracles.siglip_rows(x, y, s, b, ids).mean()

    arguments = [images, texts, scale, bias]
    for position, actual in enumerate(gradients):

        def of_one(value, position=position):
            changed = list(arguments)
            changed[position] = value
            return reference(*changed)

        wanted = oracles.numeric_gradient(of_one, arguments[position])
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-5)


def test_extremes_of_clip():
    x = np.eye(16, dtype="float32")
    loss = kc.losses.CLIPLoss()
    same = np.ones((16, 4), "float32")
    assert float(loss(same, same)) == pytest.approx(np.log(16), rel=1e-6)
    assert float(loss(x, x, logit_scale=100.0)) == pytest.approx(0, abs=1e-6)
    assert float(loss(x[:1], x[:1])) == pytest.approx(0, abs=1e-6)


def test_captions_of_one_image_are_no_negatives():
    """All pairs of one image: nothing is left to push apart."""
    images, texts = views(4, 3)
    ids = np.zeros(4, "int32")
    same = np.repeat(images[:1], 4, axis=0)
    _, (gradient,) = value_and_gradients(
        lambda y: kc.losses.CLIPLoss()(same, y, image_ids=ids),
        np.repeat(texts[:1], 4, axis=0),
    )
    np.testing.assert_allclose(gradient, 0, atol=1e-5)


@pytest.mark.parametrize("loss_class", BOTH)
def test_distinct_ids_are_none(loss_class):
    images, texts = views(5, 4)
    np.testing.assert_allclose(
        per_example(loss_class, images, texts, image_ids=np.arange(5) * 3),
        per_example(loss_class, images, texts),
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("scale_type", [int, np.float16, np.float64])
@pytest.mark.parametrize("loss_class", BOTH)
def test_scale_of_any_type(loss_class, scale_type):
    images, texts = views(5, 4)
    np.testing.assert_allclose(
        per_example(loss_class, images, texts, scale_type(5)),
        per_example(loss_class, images, texts, np.float32(5)),
        rtol=1e-6,
        atol=1e-6,
    )


@settings(max_examples=15, deadline=None)
@given(
    loss_class=st.sampled_from(BOTH),
    seed=st.integers(0, 2**16),
    factor=st.floats(1e-3, 1e3),
)
def test_invariances(loss_class, seed, factor):
    images, texts = views(7, 6, seed)
    losses = per_example(loss_class, images, texts)
    order = np.random.default_rng(seed).permutation(7)
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(
        per_example(loss_class, images[order], texts[order]),
        losses[order],
        **close,
    )
    np.testing.assert_allclose(
        per_example(loss_class, images * np.float32(factor), texts),
        losses,
        **close,
    )
    swapped = per_example(loss_class, texts, images)
    assert swapped.mean() == pytest.approx(losses.mean(), rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(
    loss_class=st.sampled_from(BOTH),
    n=st.sampled_from([1, 5]),
    temperature=st.sampled_from([1e-3, 0.07, 10.0]),
    kind=st.sampled_from(SPOILT),
)
def test_value_and_gradient_are_finite(loss_class, n, temperature, kind):
    loss = loss_class(temperature)
    value, gradients = value_and_gradients(
        lambda a, b: loss(a, b), *spoilt_views(n, 5, kind)
    )
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("loss_class", BOTH)
def test_sample_weight_weighs_pairs(loss_class):
    images, texts = views(4, 8)
    losses = per_example(loss_class, images, texts)
    weights = np.array([0, 1, 2, 1], "float32")
    loss = loss_class()(images, texts, sample_weight=weights)
    assert float(loss) == pytest.approx((losses * weights).mean(), rel=1e-5)


@pytest.mark.parametrize("loss_class", BOTH)
def test_rejects_bad_input(loss_class):
    images, texts = views(4, 8)
    loss = loss_class()
    with pytest.raises(ValueError, match="`temperature` must be a positive"):
        loss_class(temperature=0)
    with pytest.raises(ValueError, match=r"text_embeddings.shape=\(4, 7\)"):
        loss(images, texts[:, :7])
    with pytest.raises(ValueError, match=r"text_embeddings.shape=\(3, 8\)"):
        loss(images, texts[:3])
    # A weight per example where the scale goes.
    with pytest.raises(ValueError, match="`logit_scale` must be a scalar"):
        loss(images, texts, np.ones(4, "float32"))
    with pytest.raises(ValueError, match=r"image_ids.shape=\(3,\)"):
        loss(images, texts, image_ids=[1, 2, 3])


def test_rejects_a_bias_per_example():
    images, texts = views(4, 8)
    with pytest.raises(ValueError, match="`logit_bias` must be a scalar"):
        kc.losses.SigLIPLoss()(images, texts, 10.0, np.ones(4, "float32"))


@pytest.mark.parametrize(
    "loss",
    [
        kc.losses.CLIPLoss(0.2, gather=False),
        kc.losses.SigLIPLoss(0.2, bias=-3.0),
    ],
)
def test_config_round_trip(loss):
    assert round_trip(loss).get_config() == loss.get_config()
