import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import round_trip


def outputs(n, views, dim, count, seed=0):
    """Outputs of a teacher that is the student, and a center."""
    rng = np.random.default_rng(seed)
    student = rng.uniform(-1, 1, (n, views, dim)).astype("float32")
    center = rng.normal(size=dim).astype("float32")
    return student[:, :count], student, center


@pytest.mark.one_case
@pytest.mark.parametrize(
    "n, views, dim, count", [(4, 2, 3, 2), (3, 6, 5, 2), (2, 2, 3, 1)]
)
def test_value_and_gradient_are_the_papers(n, views, dim, count):
    teacher, student, center = outputs(n, views, dim, count)
    expected = oracles.dino_rows(teacher, student, center, 0.04, 0.1)
    loss = kc.losses.DINOLoss(reduction=None)
    actual = loss(teacher, student, center=center)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(actual), expected, rtol=1e-4
    )
    loss = kc.losses.DINOLoss()
    value, (gradient,) = value_and_gradients(
        # One tensor for both arguments: a teacher's output is a constant.
        lambda s: loss(s[:, :count], s, center=center),
        student,
    )
    assert value == pytest.approx(expected.mean(), rel=1e-4)
    expected = oracles.numeric_gradient(
        lambda s: oracles.dino_rows(teacher, s, center, 0.04, 0.1).mean(),
        student,
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "step, temperature", [(0, 0.04), (5, 0.055), (10, 0.07), (99, 0.07)]
)
def test_schedule_of_the_teacher_temperature(step, temperature):
    teacher, student, center = outputs(4, 3, 5, 2)
    loss = kc.losses.DINOLoss(0.2, (0.04, 0.07), warmup_steps=10)
    expected = oracles.dino_rows(teacher, student, center, temperature, 0.2)
    actual = float(loss(teacher, student, center=center, step=step))
    assert actual == pytest.approx(expected.mean(), rel=1e-4)
    with pytest.raises(ValueError, match="`step` must be given"):
        loss(teacher, student)


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_finite_for_all_outputs(scale):
    teacher, student, _ = (np.float32(scale) * x for x in outputs(1, 2, 3, 2))
    loss = kc.losses.DINOLoss()
    value, (gradient,) = value_and_gradients(
        lambda s: loss(teacher, s), student
    )
    assert np.isfinite(value) and np.isfinite(gradient).all()
    if scale == 0:
        assert value == pytest.approx(np.log(3), rel=1e-6)


def test_rejects_outputs_that_do_not_pair():
    loss = kc.losses.DINOLoss()
    with pytest.raises(ValueError, match=r"`student` must hold all views"):
        loss(np.ones((4, 2, 3)), np.ones((4, 1, 3)))
    with pytest.raises(ValueError, match=r"`teacher` .*teacher.shape=\(4, 3\)"):
        loss(np.ones((4, 3)), np.ones((4, 2, 3)))


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"student_temperature": 0}, "student_temperature"),
        ({"teacher_temperature": -1}, "teacher_temperature"),
        ({"teacher_temperature": (0.04, 0.07)}, "teacher_temperature"),
        ({"warmup_steps": 10}, "teacher_temperature"),
        (
            {"teacher_temperature": [0.04], "warmup_steps": 10},
            "teacher_temperature",
        ),
        (
            {"teacher_temperature": (0.04, 0.07), "warmup_steps": 0},
            "warmup_steps",
        ),
    ],
)
def test_rejects_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be.*Received"):
        kc.losses.DINOLoss(**arguments)


def test_config_round_trip():
    loss = kc.losses.DINOLoss(0.2, (0.05, 0.06), warmup_steps=3)
    assert round_trip(loss).get_config() == loss.get_config()
    assert loss.teacher_temperature == (0.05, 0.06)
