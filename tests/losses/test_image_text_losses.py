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
# Labels in common: of rows 0 and 1, and of 1 and 4. Row 3 has none.
SETS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0]])
# Two for each image, the first of them near it.
NEGATIVES = np.stack(
    [views(5, 4)[0] + 0.3, np.random.default_rng(1).normal(size=(5, 4))], axis=1
).astype("float32")
# What the data may hold beside pairs.
MORE = pytest.mark.parametrize(
    "ids, negatives",
    [
        (None, None),
        (IDS, None),
        (SETS, None),
        (None, NEGATIVES),
        (IDS, NEGATIVES),
    ],
    ids=["pairs", "image_ids", "sets", "negatives", "both"],
)


def per_example(loss_class, images, texts, *args, **kwargs):
    loss = loss_class(reduction=None)
    losses = loss(images, texts, *args, **kwargs)
    return keras.ops.convert_to_numpy(losses)


def more_of(rest):
    """The negatives as a keyword argument, if there are any."""
    return {"negative_text_embeddings": rest[0]} if rest else {}


def check_gradients(loss, reference, arguments, negatives):
    """By each argument, against central differences of the reference."""
    if negatives is not None:
        arguments = [*arguments, negatives]
    _, gradients = value_and_gradients(loss, *arguments)
    for position, actual in enumerate(gradients):

        def of_one(value, position=position):
            changed = list(arguments)
            changed[position] = value
            return reference(*changed)

        wanted = oracles.numeric_gradient(of_one, arguments[position])
        assert np.abs(wanted).max() > 1e-3
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-5)


@MORE
@pytest.mark.parametrize("scale", [1.0, 100 / 7, 100.0])
def test_clip_is_the_papers(scale, ids, negatives):
    images, texts = views(5, 4)
    rows = oracles.clip_rows(images, texts, scale, ids, negatives)
    close = {"rtol": 2e-5, "atol": 1e-4}
    more = {"image_ids": ids, "negative_text_embeddings": negatives}
    actual = per_example(
        kc.losses.CLIPLoss, images, texts, np.float32(scale), **more
    )
    np.testing.assert_allclose(actual, rows, **close)
    loss = kc.losses.CLIPLoss(temperature=1 / scale)
    assert float(loss(images, texts, **more)) == pytest.approx(
        rows.mean(), rel=1e-4, abs=1e-4
    )


@MORE
@pytest.mark.parametrize("scale, bias", [(10.0, -10.0), (1.0, 0.0), (99, -3.5)])
def test_siglip_is_the_papers(scale, bias, ids, negatives):
    images, texts = views(5, 4)
    rows = oracles.siglip_rows(images, texts, scale, bias, ids, negatives)
    more = {"image_ids": ids, "negative_text_embeddings": negatives}
    close = {"rtol": 2e-5, "atol": 1e-4}
    actual = per_example(
        kc.losses.SigLIPLoss,
        images,
        texts,
        np.float32(scale),
        np.float32(bias),
        **more,
    )
    np.testing.assert_allclose(actual, rows, **close)
    loss = kc.losses.SigLIPLoss(temperature=1 / scale, bias=bias)
    assert float(loss(images, texts, **more)) == pytest.approx(
        rows.mean(), rel=1e-4
    )


@MORE
def test_gradients_of_clip_are_the_papers(ids, negatives):
    images, texts = views(5, 4)
    loss = kc.losses.CLIPLoss()
    check_gradients(
        lambda x, y, s, *rest: loss(x, y, s, image_ids=ids, **more_of(rest)),
        lambda x, y, s, *rest: oracles.clip_rows(x, y, s, ids, *rest).mean(),
        [images, texts, np.float32(5)],
        negatives,
    )


@MORE
def test_gradients_of_siglip_are_the_papers(ids, negatives):
    images, texts = views(5, 4)
    loss = kc.losses.SigLIPLoss()
    check_gradients(
        lambda x, y, s, b, *rest: loss(
            x, y, s, b, image_ids=ids, **more_of(rest)
        ),
        lambda x, y, s, b, *rest: oracles.siglip_rows(
            x, y, s, b, ids, *rest
        ).mean(),
        [images, texts, np.float32(5), np.float32(-2)],
        negatives,
    )


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
    with pytest.raises(ValueError, match=r"as wide as.*\(4, 1, 7\)"):
        loss(images, texts, negative_text_embeddings=texts[:, None, :7])


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
