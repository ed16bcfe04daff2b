"""Keras' `gradient_accumulation_steps`: what happens once an update."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of

IMAGES, _ = images_and_labels()


def values_of(layer):
    return [to_numpy(v) for v in layer.weights]


def moved(teacher, student, momentum):
    """The teacher after an update toward the trainable weights."""
    return [
        momentum * old + (1 - momentum) * to_numpy(new)
        if new.trainable
        else None
        for old, new in zip(teacher, student.weights, strict=True)
    ]


def check_equal(values, expected):
    for value, other in zip(values, expected, strict=True):
        if other is not None:
            np.testing.assert_allclose(value, other, rtol=1e-5, atol=1e-6)


@pytest.mark.one_case
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_teacher_moves_once_an_update(policy):
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 1.0)
    model = kc.BYOLModel(
        encoder(), augmenter=kc.layers.RandomFlip(), momentum=0.9
    )
    model.compile(optimizer)
    model.build_from_config({"input_shape": (None, 16, 16, 3)})
    teacher = model.teacher.encoder
    before = values_of(teacher.encoder)
    weights = weights_of(model)
    model.train_on_batch(IMAGES[:8])
    check_equal(weights_of(model), weights)
    frozen = [
        v if w.trainable else None
        for v, w in zip(before, model.encoder.weights, strict=True)
    ]
    check_equal(values_of(teacher.encoder), frozen)
    model.train_on_batch(IMAGES[8:])
    assert not np.array_equal(weights_of(model)[0], weights[0])
    check_equal(values_of(teacher.encoder), moved(before, model.encoder, 0.9))
    assert to_numpy(teacher.num_updates) == 1


def test_a_center_moves_as_of_the_whole_batch():
    center = kc.layers.Center(4, momentum=0.9)
    for _ in range(3):
        center.update(np.ones((2, 4), "float32"), parts=3)
    np.testing.assert_allclose(to_numpy(center.value), 0.1, rtol=1e-5)


def test_trains_and_evaluates():
    optimizer = kc.optimizers.LARS(0.1, gradient_accumulation_steps=2)
    model = simclr(optimizer=optimizer)
    logs = model.fit(
        IMAGES,
        validation_data=(IMAGES, np.zeros(16, int)),
        batch_size=4,
        verbose=0,
    ).history
    assert np.isfinite(logs["loss"] + logs["val_loss"]).all()
    assert to_numpy(model.optimizer.iterations) == 2
    assert np.isfinite(model.evaluate(IMAGES, batch_size=8, verbose=0)[0])
