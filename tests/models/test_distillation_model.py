"""What only DistillationModel has; the rest is in test_methods.py."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import SIZE
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import to_numpy

IMAGES, LABELS = images_and_labels(16)
IMAGES = IMAGES.astype("float32") / 255


def teacher(dim=6):
    return keras.Sequential([encoder(), keras.layers.Dense(dim)])


def make(augmenter=None, loss=None, **kwargs):
    if "teacher_dim" not in kwargs:
        kwargs.setdefault("teacher", teacher())
    model = kc.DistillationModel(
        encoder(), augmenter=augmenter or keras.layers.Identity(), **kwargs
    )
    model.compile(keras.optimizers.Adam(0.01), loss=loss)
    return model


def cosines(a, b):
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return a @ b.T


@pytest.mark.parametrize(
    "loss, oracle",
    [
        (None, lambda z, t: -np.diag(cosines(z, t)).mean()),
        ("mse", lambda z, t: ((z - t) ** 2).mean()),
        (
            "clip",
            lambda z, t: (
                -np.mean(
                    [
                        np.diag(s) - np.log(np.exp(s).sum(axis=1))
                        for s in (cosines(z, t) / 0.07, cosines(t, z) / 0.07)
                    ]
                )
            ),
        ),
    ],
)
def test_the_loss_is_the_formula(loss, oracle):
    model = make(loss=loss)
    z = to_numpy(model.embedding_model()(IMAGES)).astype("float64")
    t = to_numpy(model.teacher(IMAGES)).astype("float64")
    found = model.evaluate(IMAGES, batch_size=16, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], oracle(z, t), rtol=1e-4)


def test_the_student_learns_and_the_teacher_stays():
    model = make()
    frozen = [to_numpy(v) for v in model.teacher.weights]
    assert not model.teacher.trainable_variables
    losses = model.fit(IMAGES, epochs=30, batch_size=8, verbose=0).history[
        "loss"
    ]
    assert losses[-1] < -0.9 < losses[0]
    for before, variable in zip(frozen, model.teacher.weights, strict=True):
        np.testing.assert_array_equal(before, to_numpy(variable))


def test_given_targets_are_those_of_the_teacher():
    """With one view for both, the same steps as with the teacher inside."""
    keras.utils.set_random_seed(1)
    whole = make()
    targets = whole.teacher.predict(IMAGES, verbose=0)
    given = make(teacher_dim=6)
    given.set_weights(
        [to_numpy(v) for v in whole.weights][: len(given.weights)]
    )
    arguments = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
    data = {"inputs": IMAGES, "targets": targets}
    np.testing.assert_allclose(
        given.fit(data, **arguments).history["loss"],
        whole.fit(IMAGES, **arguments).history["loss"],
        rtol=1e-5,
    )
    found = given.evaluate(data, verbose=0, return_dict=True)
    assert np.isfinite([*found.values()]).all()
    assert given.predict(IMAGES, verbose=0).shape == (16, 8)


@pytest.mark.one_backend
def test_the_teacher_sees_the_view_of_the_student():
    """So that one with the student's own weights has loss -1."""
    student = encoder(batch_norm=False)
    same = keras.models.clone_model(student)
    same.set_weights(student.get_weights())
    model = kc.DistillationModel(
        student,
        keras.layers.Identity(),
        kc.layers.RandomResizedCrop(SIZE, SIZE, scale=(0.1, 0.5)),
        teacher=same,
    )
    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(IMAGES, batch_size=8, verbose=0).history
    np.testing.assert_allclose(history["loss"], [-1.0], atol=1e-5)


@pytest.mark.one_backend
def test_targets_in_microbatches_with_labels_and_a_file(tmp_path):
    def run(size):
        keras.utils.set_random_seed(1)
        model = kc.DistillationModel(
            encoder(batch_norm=False),
            augmenter=kc.layers.RandomResizedCrop(SIZE, SIZE, seed=3),
            num_classes=4,
            teacher_dim=6,
        )
        model.compile(keras.optimizers.SGD(0.1), microbatch_size=size)
        targets = np.random.default_rng(0).normal(size=(16, 6))
        data = {"inputs": IMAGES, "targets": targets.astype("float32")}
        history = model.fit(
            data, LABELS, batch_size=8, shuffle=False, verbose=0
        ).history
        return model, history["loss"]

    whole, loss = run(None)
    parts, same = run(4)
    np.testing.assert_allclose(loss, same, rtol=1e-5)
    parts.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict(IMAGES, verbose=0),
        whole.predict(IMAGES, verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )
    assert again.teacher is None


@pytest.mark.one_backend
def test_predict_takes_the_data_of_fit():
    model = make(teacher_dim=6)
    data = {"inputs": IMAGES, "targets": np.zeros((len(IMAGES), 6), "float32")}
    expected = model.predict(IMAGES, verbose=0)
    for given in (data, {"inputs": IMAGES}):
        np.testing.assert_array_equal(model.predict(given, verbose=0), expected)
        np.testing.assert_allclose(to_numpy(model(given)), expected, atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="`teacher_dim`.*Received"):
        kc.DistillationModel(encoder())
    pool = keras.layers.Identity()
    with pytest.raises(ValueError, match="`teacher` must give one vector"):
        make(teacher=keras.Sequential([keras.Input((4, 8)), pool]))
    with pytest.raises(ValueError, match="`augmenter` must make 1 view"):
        make(kc.layers.MultiView(keras.layers.Identity()))
    data = {"inputs": IMAGES, "targets": np.zeros((16, 6))}
    with pytest.raises(ValueError, match="must come without targets"):
        make().fit(data, verbose=0)
    with pytest.raises(ValueError, match='"inputs": ..., "targets"'):
        make(teacher_dim=6).fit(IMAGES, verbose=0)
    with pytest.raises(ValueError, match="`projector` must give vectors as"):
        make(projector=keras.layers.Dense(5))
    with pytest.raises(ValueError, match="`teacher_dim` must be the width"):
        make(teacher_dim=7).fit(data, verbose=0)
