"""A step that raises leaves the model as it was."""

import keras
import numpy as np
import pytest

from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr

IMAGES, _ = images_and_labels(8)


class Broken(Exception):
    pass


def broken(*args, **kwargs):
    raise Broken


@pytest.mark.parametrize(
    "method, step",
    [
        ("fit", "make_views"),
        ("evaluate", "make_views"),
        ("predict", "predict_step"),
    ],
)
def test_first_step_that_fails(method, step, monkeypatch):
    # TensorFlow puts another error around those of what it traces.
    eager = keras.backend.backend() == "tensorflow"
    model = simclr(compile={"run_eagerly": eager})
    before = model.get_weights()
    with monkeypatch.context() as patch:
        patch.setattr(model, step, broken)
        with pytest.raises(Broken):
            getattr(model, method)(IMAGES, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for variable in model.optimizer.variables:
        assert variable.value is not None
