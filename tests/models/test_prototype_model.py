"""SwAV and DINO with crops of two sizes; tests/models/test_methods.py has what
they share with other methods."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import images_and_labels
from tests.models.helpers import to_numpy

IMAGES, LABELS = images_and_labels(16)
IMAGES = IMAGES.astype("float32") / 255
METHODS = pytest.mark.parametrize("method", ["SwAVModel", "DINOModel"])


def encoder(size=None):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.GlobalMaxPooling2D(),
        ]
    )


def crops(side=8, num_global=2, num_local=2):
    large = kc.layers.RandomResizedCrop(16, 16, scale=(0.4, 1.0), seed=1)
    small = kc.layers.RandomResizedCrop(side, side, scale=(0.1, 0.4), seed=2)
    return kc.layers.MultiCrop([large] * num_global, small, num_local)


def make(method, augmenter=None, encoder_=None, compile=None, **arguments):
    keras.utils.set_random_seed(1)
    model = getattr(kc, method)(
        encoder() if encoder_ is None else encoder_,
        kc.layers.ProjectionHead(8, 6, use_batch_norm=False),
        crops() if augmenter is None else augmenter,
        num_prototypes=5,
        **arguments,
    )
    model.compile(keras.optimizers.SGD(0.1), **(compile or {}))
    return model


@pytest.mark.one_case
@METHODS
def test_prototypes_are_frozen_in_the_first_steps(method):
    model = make(method, frozen_steps=2, num_classes=4)
    kernels = [to_numpy(model.prototypes.kernel)]
    logs = []
    for _ in range(2):
        history = model.fit(IMAGES, LABELS, batch_size=8, verbose=0).history
        kernels.append(to_numpy(model.prototypes.kernel))
        logs.append(history)
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.allclose(kernels[1], kernels[2])
    names = {"loss", "contrastive_accuracy", "probe_loss", "probe_accuracy"}
    assert all(set(history) == names for history in logs)
    results = model.evaluate(
        IMAGES, LABELS, batch_size=8, verbose=0, return_dict=True
    )
    assert np.isfinite([*results.values()]).all()
    assert model.predict(IMAGES, verbose=0).shape == (16, 8)


@pytest.mark.one_backend
def test_a_queue_holds_the_z_of_earlier_images():
    model = make("SwAVModel", queue_size=20)
    views = model.make_views(IMAGES, training=True)
    embeddings = model.embed(views, training=True)
    before = to_numpy(model.queue.features)
    model.after_update(embeddings, None)
    z = [to_numpy(x) for x in embeddings["pair"]]
    z = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in z]
    expected = np.concatenate([np.concatenate(z, axis=1), before[:4]])
    np.testing.assert_allclose(
        to_numpy(model.queue.features), expected, atol=1e-6
    )


def test_a_queue_needs_its_loss_and_sizes():
    loss = {"loss": kc.losses.DINOLoss()}
    with pytest.raises(ValueError, match="argument `queue_scores`"):
        make("SwAVModel", queue_size=20, compile=loss).train_on_batch(IMAGES)
    for name in ("queue_size", "queue_start"):
        with pytest.raises(ValueError, match=f"`{name}`"):
            make("SwAVModel", **{name: -1})


@pytest.mark.parametrize(
    ("start", "steps", "is_used"),
    [
        (0, 1, False),
        (0, 2, True),
        (3, 2, False),
        (3, 3, True),
        (0, 2**30, True),  # The number of images exceeds 32 bits.
    ],
)
def test_a_queue_is_used_when_it_is_full(start, steps, is_used):
    model = make("SwAVModel", queue_size=20, queue_start=start)
    views = model.make_views(IMAGES, training=True)
    embeddings = model.embed(views, training=True)
    model.optimizer.iterations.assign(steps)
    loss = model.compute_embedding_loss(embeddings, None, None, None)
    scores = embeddings["scores"]
    z = np.split(to_numpy(model.queue.features), 2, axis=1)
    expected = model.loss(
        scores[:, :2],
        scores,
        queue_scores=keras.ops.stack([model.prototypes(x) for x in z], axis=1),
        queue_is_used=is_used,
    )
    assert float(to_numpy(loss)) == pytest.approx(float(to_numpy(expected)))
    without = model.loss(scores[:, :2], scores)
    assert (
        float(to_numpy(loss)) == pytest.approx(float(to_numpy(without)))
    ) != is_used


@pytest.mark.one_backend
@METHODS
def test_scores_are_in_the_order_of_the_views(method):
    model = make(method)
    views = model.make_views(IMAGES, training=True)
    embeddings = model.embed(views, training=False)
    assert tuple(embeddings["scores"].shape) == (16, 4, 5)
    assert len(embeddings["pair"]) == len(embeddings["representations"]) == 2
    for i, view in enumerate(views):
        z = model.projector(model.encoder(view))
        np.testing.assert_allclose(
            to_numpy(embeddings["scores"][:, i]),
            to_numpy(model.prototypes(z)),
            atol=1e-6,
        )


@pytest.mark.one_backend
def test_views_may_be_structures():
    images, rows = keras.Input((4, 4, 3)), keras.Input((2,))
    h = keras.layers.Concatenate()([keras.layers.Flatten()(images), rows])
    inputs = {"images": images, "rows": rows}
    model = make("SwAVModel", keras.layers.Identity(), keras.Model(inputs, h))
    data = {"images": IMAGES[:, :4, :4], "rows": IMAGES[:, 0, 0, :2]}
    history = model.fit(data, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.one_backend
@METHODS
def test_microbatches_of_crops_equal_the_whole(method):
    results = []
    for size in (None, 2):
        model = make(method, compile={"microbatch_size": size}, frozen_steps=1)
        history = model.fit(
            IMAGES, batch_size=8, epochs=2, shuffle=False, verbose=0
        ).history
        weights = [to_numpy(v) for v in model.weights]
        results.append((history["loss"], *weights))
    for whole, parts in zip(*results, strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
@METHODS
def test_the_file_holds_the_crops(method, tmp_path):
    model = make(method, frozen_steps=1)
    model.fit(IMAGES, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.augmenter.num_local == 2
    assert (again.frozen_steps, again.num_prototypes) == (1, 5)
    histories = [
        m.fit(IMAGES, batch_size=8, shuffle=False, verbose=0).history
        for m in (model, again)
    ]
    assert histories[0] == histories[1]


@pytest.mark.one_backend
@METHODS
def test_the_default_has_two_views_of_the_encoders_size(method):
    model = getattr(kc, method)(encoder(16))
    assert isinstance(model.multi_view, kc.layers.MultiView)
    shapes = model.multi_view.compute_output_shape((None, 20, 20, 3))
    assert shapes == [(None, 16, 16, 3)] * 2
    # Local views as large as the global ones, for an encoder of one size.
    make(method, crops(side=16), encoder(16))


@pytest.mark.one_backend
@METHODS
def test_errors(method):
    with pytest.raises(ValueError, match=r"`encoder` must.*\(None, 8, 8, 3\)"):
        make(method, encoder_=encoder(16))
    with pytest.raises(ValueError, match="`augmenter`.*num_global=3"):
        make(method, crops(num_global=3))
    with pytest.raises(ValueError, match="`frozen_steps`.*Received"):
        make(method, frozen_steps=-1)
    with pytest.raises(ValueError, match="`num_prototypes`.*Received"):
        getattr(kc, method)(encoder(16), num_prototypes=0)
