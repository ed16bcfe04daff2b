import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.models.helpers import to_numpy
from tests.models.test_prototype_model import IMAGES
from tests.models.test_prototype_model import encoder
from tests.models.test_prototype_model import make

WHOLE = kc.layers.RandomResizedCrop(16, 16, scale=(1, 1), ratio=(1, 1))


def test_a_step_is_the_papers():
    """Views that do not differ: loss, teacher and center by hand."""
    model = make(
        "DINOModel", WHOLE, momentum=0.75, total_steps=2, center_momentum=0.5
    )
    # The teacher follows a student that has left it.
    kernel = model.prototypes.kernel
    kernel.assign(to_numpy(kernel)[::-1])
    teacher = [to_numpy(v) for v in model.teacher.encoder.weights]
    for momentum in (0.75, 0.875):
        center = to_numpy(model.center.value)
        targets = to_numpy(model.teacher(IMAGES))
        scores = to_numpy(model.student(IMAGES))
        loss = model.train_on_batch(IMAGES, return_dict=True)["loss"]
        pairs = (np.stack([x, x], axis=1) for x in (targets, scores))
        expected = oracles.dino_rows(*pairs, center, 0.04).mean()
        assert float(loss) == pytest.approx(expected, rel=1e-4)
        np.testing.assert_allclose(
            to_numpy(model.center.value),
            0.5 * center + 0.5 * targets.mean(axis=0),
            atol=1e-6,
        )
        teacher = [
            momentum * old + (1 - momentum) * to_numpy(new)
            for old, new in zip(teacher, model.student.weights, strict=True)
        ]
        for actual, value in zip(
            model.teacher.encoder.weights, teacher, strict=True
        ):
            np.testing.assert_allclose(to_numpy(actual), value, atol=1e-6)
    model.evaluate(IMAGES, verbose=0)
    assert int(model.teacher.num_updates) == 2
    of_teacher = {id(v) for v in model.teacher.weights}
    assert not of_teacher & {id(v) for v in model.trainable_variables}


@pytest.mark.one_backend
def test_the_teacher_sees_the_global_views_only():
    model = make("DINOModel")
    views = model.make_views(IMAGES, training=True)
    targets = model.embed_targets(views, training=False)
    assert tuple(targets.shape) == (16, 2, 5)
    for i in range(2):
        np.testing.assert_allclose(
            to_numpy(targets[:, i]),
            to_numpy(model.teacher(views[i])),
            atol=1e-6,
        )


@pytest.mark.one_backend
def test_the_temperature_follows_the_optimizer():
    model = make("DINOModel", WHOLE)
    loss = kc.losses.DINOLoss(teacher_temperature=(0.1, 1.0), warmup_steps=1)
    model.compile(keras.optimizers.SGD(0.0), loss)
    targets, scores = (
        np.stack([to_numpy(network(IMAGES))] * 2, axis=1)
        for network in (model.teacher, model.student)
    )
    for temperature in (0.1, 1.0):
        center = to_numpy(model.center.value)
        expected = oracles.dino_rows(targets, scores, center, temperature)
        actual = model.train_on_batch(IMAGES, return_dict=True)["loss"]
        assert float(actual) == pytest.approx(expected.mean(), rel=1e-4)


@pytest.mark.one_backend
def test_needs_an_encoder_that_can_be_copied():
    layers = [keras.layers.Flatten(), keras.layers.Dense(8)]
    with pytest.raises(ValueError, match="`encoder` must have one input"):
        make("DINOModel", WHOLE, keras.Sequential(layers))
    with pytest.raises(ValueError, match="`momentum`.*Received"):
        make("DINOModel", WHOLE, encoder(16), momentum=2)
