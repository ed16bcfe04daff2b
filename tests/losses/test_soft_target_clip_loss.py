"""The loss against its formula, and what it makes of similar pairs."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import recorded_block_sizes
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views

IDS = np.array([7, 3, 7, 2**24 + 1, 2**24, 3, 5])
N, DIM = len(IDS), 4
CASES = pytest.mark.parametrize(
    "weight, target_temperature, ids",
    [
        (1.0, None, None),
        (0.5, 0.2, None),
        (0.3, None, IDS),
        (0.0, None, IDS),
    ],
)


@CASES
@pytest.mark.parametrize("block_size", [None, 3])
def test_is_the_formula(weight, target_temperature, ids, block_size):
    images, texts = views(N, DIM)
    scale = np.float32(6)
    rows = oracles.soft_target_clip_rows(
        images, texts, scale, target_temperature or 1 / scale, weight, ids
    )
    loss = kc.losses.SoftTargetCLIPLoss(
        target_temperature=target_temperature,
        soft_target_weight=weight,
        block_size=block_size,
        reduction=None,
    )
    found = loss(images, texts, scale, image_ids=ids)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found), rows, rtol=1e-5, atol=1e-5
    )


@CASES
def test_gradients_hold_the_targets_fixed(weight, target_temperature, ids):
    arguments = [*views(N, DIM), np.float32(6)]
    loss = kc.losses.SoftTargetCLIPLoss(
        target_temperature=target_temperature,
        soft_target_weight=weight,
        block_size=3,
    )
    _, gradients = value_and_gradients(
        lambda x, y, s: loss(x, y, s, image_ids=ids), *arguments
    )
    temperature = target_temperature or 1 / arguments[2]
    for position, actual in enumerate(gradients):

        def of_one(value, position=position):
            changed = list(arguments)
            changed[position] = value
            return oracles.soft_target_clip_rows(
                *changed, temperature, weight, ids, arguments[:2]
            ).mean()

        wanted = oracles.numeric_gradient(of_one, arguments[position])
        assert np.abs(wanted).max() > 1e-3
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-5)


def test_without_weight_it_is_clips():
    images, texts = views(N, DIM)
    loss = kc.losses.SoftTargetCLIPLoss(soft_target_weight=0)
    clip = kc.losses.CLIPLoss()
    for arguments in ({}, {"image_ids": IDS}):
        assert float(loss(images, texts, **arguments)) == pytest.approx(
            float(clip(images, texts, **arguments)), rel=1e-5
        )


def test_negative_texts_count_as_in_clips():
    images, texts = views(N, DIM)
    negatives = views(2 * N, DIM, seed=1)[0].reshape(N, 2, DIM)
    losses = (
        kc.losses.SoftTargetCLIPLoss(soft_target_weight=0.5),
        kc.losses.CLIPLoss(),
    )
    soft, hard = (
        float(loss(images, texts, negative_text_embeddings=negatives))
        - float(loss(images, texts))
        for loss in losses
    )
    assert hard > 0.01 and soft == pytest.approx(hard, rel=1e-4)


@pytest.mark.parametrize("kind", SPOILT)
def test_value_and_gradient_are_finite(kind):
    loss = kc.losses.SoftTargetCLIPLoss(1e-3)
    value, gradients = value_and_gradients(
        lambda a, b: loss(a, b), *spoilt_views(5, 4, kind)
    )
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


def test_the_block_size_is_that_of_every_sum(monkeypatch):
    sizes = recorded_block_sizes(monkeypatch)
    loss = kc.losses.SoftTargetCLIPLoss(block_size=2)
    loss(*views(N, DIM), image_ids=IDS)
    assert sizes == {2}


@pytest.mark.one_backend
def test_errors():
    with pytest.raises(ValueError, match="`soft_target_weight` must be in"):
        kc.losses.SoftTargetCLIPLoss(soft_target_weight=1.5)
    with pytest.raises(ValueError, match="`target_temperature` must be"):
        kc.losses.SoftTargetCLIPLoss(target_temperature=0.0)
    images, texts = views(N, DIM)
    loss = kc.losses.SoftTargetCLIPLoss()
    with pytest.raises(ValueError, match=r"image_ids.shape=\(3,\)"):
        loss(images, texts, image_ids=[1, 2, 3])
    with pytest.raises(ValueError, match="`logit_scale` must be a scalar"):
        loss(images, texts, np.ones(N, "float32"))
