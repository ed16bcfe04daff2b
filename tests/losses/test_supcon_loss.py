import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import round_trip
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views

# Classes of three, two and one.
LABELS = np.array([4, 1, 4, 9, 1, 4])


# Sets that overlap in a chain, one that shares nothing, and an empty one.
SETS = [{0}, {0, 1}, {1, 2}, {4}, set(), {2}]
ROWS = np.array([[i in labels for i in range(5)] for labels in SETS], int)


@pytest.mark.parametrize("form", ["out", "in"])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_value_is_the_papers(form, temperature):
    embeddings, _ = views(6, 4)
    rows = oracles.supcon_rows(LABELS, embeddings, temperature, form)
    loss = kc.losses.SupConLoss(temperature, form, reduction=None)
    actual = keras.ops.convert_to_numpy(loss(LABELS, embeddings))
    np.testing.assert_allclose(actual, rows, rtol=1e-5, atol=1e-5)
    assert actual[3] == 0
    loss = kc.losses.SupConLoss(temperature, form)
    assert float(loss(LABELS[:, None], embeddings)) == pytest.approx(
        rows.mean(), rel=1e-5
    )


@pytest.mark.parametrize("form", ["out", "in"])
def test_gradient_is_the_papers(form):
    embeddings, _ = views(6, 4)
    loss = kc.losses.SupConLoss(0.5, form)
    _, (gradient,) = value_and_gradients(lambda z: loss(LABELS, z), embeddings)
    expected = oracles.numeric_gradient(
        lambda z: oracles.supcon_rows(LABELS, z, 0.5, form).mean(), embeddings
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("form", ["out", "in"])
def test_positives_share_at_least_one_of_their_labels(form):
    embeddings, _ = views(6, 4)
    rows = oracles.supcon_rows(SETS, embeddings, 0.5, form)
    loss = kc.losses.SupConLoss(0.5, form, block_size=4, reduction=None)
    value, (gradient,) = value_and_gradients(
        lambda z: keras.ops.mean(loss(ROWS, z)), embeddings
    )
    losses = keras.ops.convert_to_numpy(loss(ROWS.tolist(), embeddings))
    np.testing.assert_allclose(losses, rows, rtol=1e-5, atol=1e-5)
    assert losses[3] == losses[4] == 0
    expected = oracles.numeric_gradient(
        lambda z: oracles.supcon_rows(SETS, z, 0.5, form).mean(), embeddings
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.one_backend
def test_sets_of_one_label_are_labels():
    embeddings, _ = views(6, 4)
    loss = kc.losses.SupConLoss()
    rows = np.eye(10)[LABELS]
    expected = float(loss(LABELS, embeddings))
    for labels in (rows, rows.astype(bool), keras.ops.convert_to_tensor(rows)):
        assert float(loss(labels, embeddings)) == pytest.approx(expected)


def test_two_views_of_unlabeled_images_are_nt_xent():
    """Khosla et al., section 3.2: with one positive it is SimCLR's loss."""
    z_a, z_b = views(5, 4)
    labels = np.arange(5)
    supcon = kc.losses.SupConLoss(0.2)(
        np.concatenate([labels, labels]), np.concatenate([z_a, z_b])
    )
    nt_xent = kc.losses.NTXentLoss(0.2)(z_a, z_b)
    assert float(supcon) == pytest.approx(float(nt_xent), rel=1e-5)


@pytest.mark.parametrize("form", ["out", "in"])
@pytest.mark.parametrize("kind", SPOILT)
def test_value_and_gradient_are_finite(form, kind):
    embeddings, _ = spoilt_views(6, 5, kind)
    loss = kc.losses.SupConLoss(1e-3, form)
    value, (gradient,) = value_and_gradients(
        lambda z: loss(LABELS, z), embeddings
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_trains_a_plain_keras_model(rng):
    """It finds the four inputs of eight that tell the classes apart."""
    labels = np.arange(64) % 4
    x = np.concatenate([np.eye(4)[labels], rng.normal(size=(64, 4))], axis=1)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    model.compile(keras.optimizers.Adam(0.05), kc.losses.SupConLoss())

    def margin():
        z = oracles.normalize(model.predict(x, verbose=0))
        same = labels[:, None] == labels
        return (z @ z.T)[same].mean() - (z @ z.T)[~same].mean()

    assert margin() < 0.3
    model.fit(x, labels, epochs=20, batch_size=32, verbose=0)
    assert margin() > 0.5


def test_rejects_bad_input():
    embeddings, _ = views(6, 4)
    with pytest.raises(ValueError, match="`form` must be one of 'out', 'in'"):
        kc.losses.SupConLoss(form="both")
    with pytest.raises(ValueError, match=r"labels.shape=\(5,\)"):
        kc.losses.SupConLoss()(LABELS[:5], embeddings)
    with pytest.raises(ValueError, match=r"rows of 0 and 1.*shape=\(6, 2\)"):
        kc.losses.SupConLoss()(np.stack([LABELS, LABELS], 1), embeddings)
    with pytest.raises(ValueError, match=r"embeddings.shape=\(6, 2, 2\)"):
        kc.losses.SupConLoss()(LABELS, embeddings.reshape(6, 2, 2))


def test_config_round_trip():
    loss = kc.losses.SupConLoss(0.2, form="in", gather=False)
    assert round_trip(loss).get_config() == loss.get_config()


def of(labels, n=6):
    return float(kc.losses.SupConLoss()(labels, views(n, 4)[0]))


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "labels",
    [
        LABELS.tolist(),
        tuple(LABELS.tolist()),
        LABELS[:, None],
        LABELS.astype("float32"),
        LABELS.astype("uint8"),
        LABELS.astype("int64"),
        LABELS - 3,
        np.eye(10, dtype="bool")[LABELS],
        np.eye(10)[LABELS],
        np.eye(10, dtype="int32")[LABELS].tolist(),
    ],
    ids=str,
)
def test_forms_of_labels(labels):
    assert of(labels) == pytest.approx(of(LABELS), rel=1e-6)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "labels, message",
    [
        (["a", "b", "a", "b", "c", "c"], "Turn names into them"),
        (np.array(["a", "b", "a", "b", "c", "c"]), "Turn names into them"),
        (LABELS + 0.5, "`labels` must be integers.*dtype float64"),
        ([0, 1, np.nan, 0, 1, 1], "`labels` must be integers.*nan"),
        ([0, 1, 1e20, 0, 1, 1], "`labels` must be integers"),
        (np.eye(10)[LABELS] / 2, "rows of 0 and 1"),
        (LABELS[:, None, None], r"labels.shape=\(6, 1, 1\)"),
        (np.array(0), r"labels.shape=\(\)"),
    ],
    ids=str,
)
def test_forms_that_are_no_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        of(labels)
