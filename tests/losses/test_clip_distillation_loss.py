"""The divergence of a student's similarities from its teacher's."""

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

N = 7
STUDENT, TEACHER = views(N, 4), views(N, 6, seed=1)


@pytest.mark.parametrize("block_size", [None, 3])
@pytest.mark.parametrize("temperature", [0.01, 0.3])
def test_is_the_formula(temperature, block_size):
    rows = oracles.clip_distillation_rows(*STUDENT, *TEACHER, 6, temperature)
    loss = kc.losses.CLIPDistillationLoss(
        1 / 6, temperature, block_size, reduction=None
    )
    for found in (
        loss(*STUDENT, *TEACHER),
        loss(*STUDENT, *TEACHER, np.float32(6), np.float32(1 / temperature)),
    ):
        found = keras.ops.convert_to_numpy(found)
        np.testing.assert_allclose(found, rows, rtol=2e-5, atol=2e-5)


def test_gradients_are_the_students():
    arguments = [*STUDENT, np.float32(6)]
    loss = kc.losses.CLIPDistillationLoss(1.0, 0.2, block_size=3)
    _, gradients = value_and_gradients(
        lambda x, y, s: loss(x, y, *TEACHER, s), *arguments
    )
    for position, actual in enumerate(gradients):

        def of_one(value, position=position):
            x, y, s = (
                value if i == position else argument
                for i, argument in enumerate(arguments)
            )
            return oracles.clip_distillation_rows(x, y, *TEACHER, s, 0.2).mean()

        wanted = oracles.numeric_gradient(of_one, arguments[position])
        assert np.abs(wanted).max() > 1e-3
        np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=1e-5)


def test_the_teacher_has_no_gradient():
    loss = kc.losses.CLIPDistillationLoss(teacher_temperature=0.2)
    _, gradients = value_and_gradients(
        lambda x, u, v: loss(x, STUDENT[1], u, v), STUDENT[0], *TEACHER
    )
    assert np.abs(gradients[0]).max() > 0
    for gradient in gradients[1:]:
        assert gradient is None or not np.any(gradient)


def test_a_student_like_its_teacher_has_nothing_to_learn():
    loss = kc.losses.CLIPDistillationLoss(0.1, 0.1)
    value, gradients = value_and_gradients(
        lambda x, y: loss(x, y, *STUDENT), *STUDENT
    )
    assert float(value) == pytest.approx(0, abs=1e-5)
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0, atol=1e-5)


@pytest.mark.parametrize("kind", SPOILT)
def test_value_and_gradient_are_finite(kind):
    loss = kc.losses.CLIPDistillationLoss(1e-3, 1e-3)
    spoilt = spoilt_views(N, 5, kind)
    value, gradients = value_and_gradients(
        lambda a, b: loss(a, b, *spoilt[::-1]), *spoilt
    )
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


def test_the_block_size_is_that_of_every_sum(monkeypatch):
    sizes = recorded_block_sizes(monkeypatch)
    kc.losses.CLIPDistillationLoss(block_size=2)(*STUDENT, *TEACHER)
    assert sizes == {2}


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, message",
    [
        ((*STUDENT, TEACHER[0], TEACHER[1][:, :5]), "teacher_text_embeddings"),
        ((*STUDENT, *(t[:3] for t in TEACHER)), "must be of the images of"),
        ((*STUDENT, *TEACHER, np.ones(N)), "`logit_scale` must be a scalar"),
        ((*STUDENT, *TEACHER, 1.0, np.ones(N)), "`teacher_logit_scale` must"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        kc.losses.CLIPDistillationLoss()(*arguments)
    with pytest.raises(ValueError, match="`teacher_temperature` must be"):
        kc.losses.CLIPDistillationLoss(teacher_temperature=0)
