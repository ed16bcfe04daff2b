import numpy as np
import pytest
from keras import ops

from keras_contrastive.losses import key_blocks
from keras_contrastive.models.nnclr_model import nearest
from tests import oracles
from tests.models.helpers import to_numpy
from tests.models.test_methods import LABELS
from tests.models.test_methods import make
from tests.models.test_moco_model import A
from tests.models.test_moco_model import B
from tests.models.test_moco_model import parts_of_a_step
from tests.models.test_moco_model import projections


def neighbors(z, queue):
    return queue[(oracles.normalize(z) @ queue.T).argmax(axis=1)]


def test_nearest_is_that_of_all_blocks(monkeypatch):
    # Blocks of 3 keys, the last one with rows of the one before.
    monkeypatch.setattr(key_blocks, "CPU_BLOCK", (15, 1))
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5, 4)).astype("float32")
    keys = oracles.normalize(rng.normal(size=(10, 4))).astype("float32")
    found = nearest(*map(ops.convert_to_tensor, (z, keys)))
    np.testing.assert_array_equal(to_numpy(found), neighbors(z, keys))


@pytest.mark.one_backend
def test_neighbors_find_the_other_views_prediction():
    model = make("nnclr")
    queue = to_numpy(model.queue.features)
    _, _, loss = parts_of_a_step(model)
    z = [projections(model, x) for x in (A, B)]
    p = [to_numpy(model.predictor(each)) for each in z]
    rows = [
        oracles.queue_info_nce_rows(neighbors(z[i], queue), p[1 - i], 0.1)
        for i in (0, 1)
    ]
    assert loss == pytest.approx(np.mean(rows), rel=1e-4)


@pytest.mark.one_backend
def test_the_queue_takes_the_first_view_after_the_step():
    model = make("nnclr")
    before = to_numpy(model.queue.features)
    model.evaluate((A, B), LABELS[:8], batch_size=8, verbose=0)
    np.testing.assert_array_equal(to_numpy(model.queue.features), before)
    embeddings, *_ = parts_of_a_step(model)
    model.after_update(embeddings, None)
    now = to_numpy(model.queue.features)
    np.testing.assert_array_equal(now[8:], before[:16])
    expected = oracles.normalize(projections(model, A))
    np.testing.assert_allclose(now[:8], expected, rtol=1e-4, atol=1e-5)
