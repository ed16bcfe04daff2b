"""SimCLRModel with losses other than NT-Xent: N views, labels, no negatives."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import SIZE
from tests.models.helpers import PyBatches
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of


def model_of(loss, num_views=2, compile=None, **kwargs):
    crop = kc.layers.RandomResizedCrop(SIZE, SIZE, seed=1)
    model = kc.SimCLRModel(
        encoder(batch_norm=False),
        keras.layers.Dense(4),  # without batch statistics
        kc.layers.MultiView(crop, num_views),
        **kwargs,
    )
    model.compile(keras.optimizers.SGD(0.01), loss, **(compile or {}))
    return model


def projections(model, views):
    h = [model.encoder(view) for view in views]
    return [to_numpy(model.projector(each)) for each in h]


def make_views(rng, count):
    views = rng.uniform(size=(count, 8, SIZE, SIZE, 3)).astype("float32")
    return tuple(views)


@pytest.mark.one_case
@pytest.mark.parametrize("microbatch_size", [None, 4])
def test_lejepa_takes_any_views_and_the_number_of_the_step(
    rng, microbatch_size
):
    views = make_views(rng, 3)
    loss = kc.losses.LeJEPALoss(num_slices=4)
    model = model_of(loss, compile={"microbatch_size": microbatch_size})
    for step in range(2):
        z = projections(model, views)
        logs = model.train_on_batch(views, return_dict=True)
        expected = float(loss(*z, step=step))
        assert logs["loss"] == pytest.approx(expected, rel=1e-4)
        assert float(loss(*z, step=step + 1)) != pytest.approx(expected, 1e-4)
    # The metrics compare the first two views.
    assert set(logs) == {"loss", "contrastive_accuracy"}


@pytest.mark.one_case
@pytest.mark.parametrize("kind", ["integers", "sets"])
def test_supcon_learns_from_the_labels(rng, kind):
    """Beside a probe, which takes integers only."""
    views = make_views(rng, 2)
    labels, options = np.arange(8) % 4, {"num_classes": 4}
    if kind == "sets":
        labels, options = rng.integers(0, 2, (8, 3)), {}
    model = model_of("supcon", **options)
    z = projections(model, views)
    expected = kc.losses.SupConLoss()(
        np.concatenate([labels] * 2), np.concatenate(z)
    )
    logs = model.train_on_batch(views, labels, return_dict=True)
    assert logs["loss"] == pytest.approx(float(expected), rel=1e-4)
    assert ("probe_loss" in logs) == bool(options)


@pytest.mark.one_backend
@pytest.mark.parametrize("loss", ["lejepa", "supcon"])
def test_views_of_the_augmenter_may_be_more_than_two(loss):
    images, labels = images_and_labels()
    model = model_of(loss, num_views=4)
    assert len(model.make_views(images, training=True)) == 4
    history = model.fit(
        images,
        labels,
        batch_size=8,
        validation_data=(images, labels),
        verbose=0,
    ).history
    assert np.isfinite(history["loss"] + history["val_loss"]).all()
    assert model.predict(images, verbose=0).shape == (16, 8)


@pytest.mark.one_backend
def test_a_stopped_run_goes_on_with_the_same_directions(tmp_path):
    images, _ = images_and_labels()

    def steps(model, count):
        for _ in range(count):
            model.train_on_batch(images)
        return model

    loss = kc.losses.LeJEPALoss(num_slices=2)
    model = steps(model_of(loss), 2)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    for one, other in zip(
        weights_of(steps(model, 2)), weights_of(steps(copy, 2)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.one_backend
def test_a_loss_of_labels_needs_labels():
    images, labels = images_and_labels()
    model = model_of("supcon")
    missing = r"must be \(images, labels\) for a loss of labels, SupConLoss"
    for data in (images, PyBatches(images)):
        with pytest.raises(ValueError, match=missing):
            model.fit(data, verbose=0)
    with pytest.raises(ValueError, match=missing):
        model.fit(images, labels, validation_data=images, verbose=0)
    with pytest.raises(ValueError, match=missing):
        model.evaluate(images, verbose=0)
    assert int(model.optimizer.iterations) == 0
    with pytest.raises(ValueError, match="`labels` must be integers"):
        model.fit(images, labels + 0.5, verbose=0)
    # Arrays on JAX, tensors on the others.
    refusal = r"labels must be integers of shape|`labels` must be integers\. "
    with pytest.raises(ValueError, match=refusal):
        model.fit(PyBatches((images, labels + 0.5)), verbose=0)
    with pytest.raises(ValueError, match="rows of 0 and 1.*span .0, 2."):
        model.fit(images, np.stack([labels * 0 + 2, labels * 0], 1), verbose=0)
    # Inference needs none.
    assert model.predict(images, verbose=0).shape == (16, 8)


@pytest.mark.one_backend
def test_losses_of_two_views_get_no_more(rng):
    with pytest.raises(ValueError, match=r"`loss` must be a loss of 3 views"):
        model_of("nt_xent", num_views=3)
    with pytest.raises(ValueError, match=r"`loss` must be a loss of 3 views"):
        model_of("vicreg").train_on_batch(make_views(rng, 3))
    with pytest.raises(ValueError, match="at least 2 views.*num_views=1"):
        model_of("lejepa", num_views=1)


@pytest.mark.one_backend
@pytest.mark.parametrize("loss", ["barlow_twins", "vicreg", "lejepa"])
def test_losses_of_a_batch_take_no_weights(loss):
    images, labels = images_and_labels()
    with pytest.raises(ValueError, match="`sample_weight` must be None for"):
        model_of(loss).fit(images, labels, sample_weight=np.ones(16), verbose=0)


@pytest.fixture(scope="module")
def shapes():
    return [
        kc.datasets.shapes(n, image_size=SIZE, seed=seed, label="color")
        for seed, n in enumerate((512, 256))
    ]


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "loss",
    [
        "decoupled",
        kc.losses.DecoupledNTXentLoss(weight_sigma=0.5),
        "barlow_twins",
        "vicreg",
        kc.losses.LeJEPALoss(num_slices=64),
        "supcon",
    ],
)
def test_learns(loss, shapes):
    """Far better than chance, and than an encoder that has not learned."""
    train, test = shapes
    conv = {"kernel_size": 3, "strides": 2, "padding": "same"}
    backbone = keras.Sequential([keras.Input((SIZE, SIZE, 3))])
    for filters in (16, 32):
        backbone.add(keras.layers.Conv2D(filters, **conv))
        backbone.add(keras.layers.BatchNormalization(momentum=0.9))
        backbone.add(keras.layers.ReLU())
    backbone.add(keras.layers.GlobalMaxPooling2D())
    model = kc.SimCLRModel(
        backbone,
        kc.layers.ProjectionHead(64, 32),
        kc.layers.RandomResizedCrop(SIZE, SIZE, scale=(0.3, 1), seed=3),
    )

    def accuracy():
        features = [model.predict(d.images, verbose=0) for d in shapes]
        predicted = kc.evaluation.knn_classify(
            features[0], train.labels, features[1], k=10
        )
        return (predicted == test.labels).mean()

    before = accuracy()
    model.compile(keras.optimizers.Adam(5e-3), loss)
    history = model.fit(
        train.images, train.labels, batch_size=128, epochs=25, verbose=0
    ).history
    assert history["contrastive_accuracy"][-1] > 0.2  # chance: 1 / 255
    assert accuracy() > before + 0.05, before  # chance: 1 / 8
