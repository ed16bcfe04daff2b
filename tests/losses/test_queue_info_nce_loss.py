import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients
from tests.losses.helpers import SPOILT
from tests.losses.helpers import spoilt_views
from tests.losses.helpers import views

QUEUE = np.random.default_rng(1).normal(size=(11, 4)).astype("float32")
QUEUES = pytest.mark.parametrize("queue", [QUEUE, None], ids=["queue", "batch"])


@pytest.mark.one_case
@QUEUES
@pytest.mark.parametrize("temperature", [0.07, 1.0])
@pytest.mark.parametrize("block_size", [None, 4])
def test_value_and_gradient_are_the_papers(block_size, temperature, queue):
    q, k = views(6, 4)
    make = kc.losses.QueueInfoNCELoss
    loss = make(temperature, block_size, reduction=None)
    expected = oracles.queue_info_nce_rows(q, k, temperature, queue)
    actual = keras.ops.convert_to_numpy(loss(q, k, queue=queue))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    loss = make(temperature, block_size)
    value, gradients = value_and_gradients(
        lambda a, b: loss(a, b, queue=queue), q, k
    )
    assert value == pytest.approx(expected.mean(), rel=1e-4)
    references = (
        oracles.numeric_gradient(
            lambda x: oracles.queue_info_nce_rows(
                x, k, temperature, queue
            ).mean(),
            q,
        ),
        oracles.numeric_gradient(
            lambda x: oracles.queue_info_nce_rows(
                q, x, temperature, queue
            ).mean(),
            k,
        ),
    )
    for found, reference in zip(gradients, references, strict=True):
        np.testing.assert_allclose(found, reference, rtol=1e-3, atol=1e-5)


def test_the_queue_has_no_gradient():
    q, k = views(3, 4)
    loss = kc.losses.QueueInfoNCELoss(0.2)
    _, (*_, by_queue) = value_and_gradients(
        lambda a, b, queue: loss(a, b, queue=queue), q, k, QUEUE
    )
    assert by_queue is None or not np.any(by_queue)


@pytest.mark.one_case
@QUEUES
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("kind", SPOILT)
def test_value_and_gradient_are_finite(n, kind, queue):
    q, k = spoilt_views(n, 4, kind)
    loss = kc.losses.QueueInfoNCELoss(1e-3)
    value, gradients = value_and_gradients(
        lambda a, b: loss(a, b, queue=queue), q, k
    )
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.one_backend
def test_errors_name_what_came():
    q, k = views(4, 8)
    loss = kc.losses.QueueInfoNCELoss()
    with pytest.raises(ValueError, match=r"keys.shape=\(3, 8\)"):
        loss(q, k[:3])
    with pytest.raises(ValueError, match=r"\(size, 8\).*\(11, 4\)"):
        loss(q, k, queue=QUEUE)
