import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.models.helpers import to_numpy
from tests.models.test_methods import IMAGES
from tests.models.test_methods import LABELS
from tests.models.test_methods import make
from tests.models.test_moco_model import A
from tests.models.test_moco_model import B
from tests.models.test_moco_model import parts_of_a_step
from tests.models.test_moco_model import projections

pytestmark = pytest.mark.one_backend


def test_each_view_predicts_the_teachers_other():
    model = make("byol")
    model.fit(IMAGES, LABELS, batch_size=8, verbose=0)
    _, _, loss = parts_of_a_step(model)
    p = [to_numpy(model.predictor(projections(model, x))) for x in (A, B)]
    t = [to_numpy(model.teacher(x)) for x in (A, B)]
    assert not np.allclose(t[0], projections(model, A))
    rows = [oracles.negative_cosine_rows(p[i], t[1 - i]) for i in (0, 1)]
    assert loss == pytest.approx(np.mean(rows), rel=1e-4)


def test_the_momentum_rises_to_one():
    model = make("byol")
    encoder = model.teacher.encoder
    assert float(encoder.current_momentum()) == pytest.approx(0.99)
    model.fit(IMAGES, LABELS, batch_size=8, epochs=4, verbose=0)
    # 16 steps, of `total_steps=16`.
    assert int(encoder.num_updates) == 16
    assert float(encoder.current_momentum()) == 1.0


def test_defaults_are_the_papers():
    model = kc.BYOLModel(kc.models.ConvNet(8, 2, (16, 16, 3)))
    dim = model.encoder.output_shape[-1]
    for head in (model.projector, model.predictor):
        assert (head.hidden_dim, head.output_dim) == (2 * dim, 256)
