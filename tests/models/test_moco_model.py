import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.models.helpers import to_numpy
from tests.models.test_methods import IMAGES
from tests.models.test_methods import LABELS
from tests.models.test_methods import make

A, B = IMAGES[:8], IMAGES[8:16]


def parts_of_a_step(model, views=(A, B)):
    """Embeddings, targets and loss of two given views, without training."""
    views = model.make_views(views, training=False)
    targets = model.embed_targets(views, training=False)
    embeddings = model.embed(views, training=False)
    losses = model.compute_losses(embeddings, targets, LABELS[:8], None, False)
    return embeddings, targets, float(losses["loss"])


def projections(model, images):
    return to_numpy(model.projector(model.encoder(images)))


@pytest.mark.one_backend
def test_the_first_view_looks_for_the_second():
    model = make("moco")
    queue = to_numpy(model.queue.features)
    _, _, loss = parts_of_a_step(model)
    rows = oracles.queue_info_nce_rows(
        projections(model, A), projections(model, B), 0.2, queue
    )
    assert loss == pytest.approx(rows.mean(), rel=1e-4)


@pytest.mark.one_backend
def test_without_a_queue_both_views_predict():
    model = make("moco_v3")
    _, _, loss = parts_of_a_step(model)
    z = [projections(model, images) for images in (A, B)]
    q = [to_numpy(model.predictor(each)) for each in z]
    rows = [
        oracles.queue_info_nce_rows(q[i], z[1 - i], 0.2).mean() for i in (0, 1)
    ]
    assert loss == pytest.approx(np.mean(rows), rel=1e-4)


@pytest.mark.one_backend
def test_a_step_moves_the_teacher_and_fills_the_queue():
    model = make("moco", microbatch_size=2)
    copies = model.teacher.encoder.encoder, model.teacher.projector.encoder
    copied = [v for copy in copies for v in copy.weights]
    sources = [*model.encoder.weights, *model.projector.weights]
    before = [to_numpy(v) for v in copied]
    queue = to_numpy(model.queue.features)
    model.fit(A, LABELS[:8], batch_size=8, verbose=0)
    model.evaluate(A, LABELS[:8], verbose=0)
    for old, copy, source in zip(before, copied, sources, strict=True):
        if source.trainable:
            expected = 0.99 * old + 0.01 * to_numpy(source)
            np.testing.assert_allclose(to_numpy(copy), expected, atol=1e-6)
            assert not copy.trainable
    now = to_numpy(model.queue.features)
    np.testing.assert_array_equal(now[8:], queue[:16])
    norms = np.linalg.norm(now[:8], axis=1)
    # Or 0, where no unit of the head is active.
    np.testing.assert_allclose(norms, np.round(norms), rtol=1e-5)
    assert norms.sum() > 4


@pytest.mark.one_backend
def test_the_loss_must_take_the_queue():
    model = make("moco", loss=kc.losses.CLIPLoss())
    with pytest.raises(ValueError, match="`loss` must be a loss with an arg"):
        model.fit(IMAGES, LABELS, batch_size=8, verbose=0)


@pytest.mark.one_backend
def test_the_encoder_must_know_its_width():
    unknown = keras.Sequential([keras.layers.Flatten()])
    with pytest.raises(ValueError, match="`encoder` must know its output"):
        kc.MoCoModel(
            unknown, kc.layers.ProjectionHead(8), keras.layers.Identity()
        )
