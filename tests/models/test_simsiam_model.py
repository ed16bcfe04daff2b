import keras
import numpy as np
import pytest

from tests import oracles
from tests.models.helpers import to_numpy
from tests.models.test_methods import LABELS
from tests.models.test_methods import make
from tests.models.test_moco_model import A
from tests.models.test_moco_model import B
from tests.models.test_moco_model import parts_of_a_step
from tests.models.test_moco_model import projections

pytestmark = pytest.mark.one_backend


def test_each_view_predicts_the_other():
    model = make("simsiam")
    _, _, loss = parts_of_a_step(model)
    z = [projections(model, x) for x in (A, B)]
    p = [to_numpy(model.predictor(each)) for each in z]
    rows = [oracles.negative_cosine_rows(p[i], z[1 - i]) for i in (0, 1)]
    assert loss == pytest.approx(np.mean(rows), rel=1e-4)


def test_no_loss_moves_the_targets():
    gradients = []
    for loss in ("negative_cosine", keras.losses.CosineSimilarity()):
        model = make("simsiam", batch_norm=False)
        model.compile(keras.optimizers.SGD(1.0), loss=loss, metrics=[])
        kernel = model.projector.weights[0]
        before = to_numpy(kernel)
        model.train_on_batch((A, B), LABELS[:8])
        gradients.append(to_numpy(kernel) - before)
    np.testing.assert_allclose(*gradients, atol=1e-6)
