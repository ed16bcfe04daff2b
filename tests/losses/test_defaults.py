"""The constants of the papers, which a changed default would lose."""

import inspect

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.losses.helpers import views

pytestmark = pytest.mark.one_backend

DEFAULTS = {
    "BarlowTwinsLoss": {"offdiagonal_weight": 0.005},
    "CLIPDistillationLoss": {"temperature": 0.07, "teacher_temperature": 0.01},
    "CLIPLoss": {"temperature": 0.07},
    "DINOLoss": {
        "student_temperature": 0.1,
        "teacher_temperature": 0.04,
        "warmup_steps": None,
    },
    "DecoupledNTXentLoss": {"temperature": 0.1, "weight_sigma": None},
    "LeJEPALoss": {
        "regularization_weight": 0.05,
        "num_slices": 1024,
        "num_points": 17,
        "max_frequency": 3.0,
        "num_global_views": None,
    },
    "NTXentLoss": {"temperature": 0.5},
    "NegativeCosineSimilarity": {},
    "QueueInfoNCELoss": {"temperature": 0.07},
    "SigLIPLoss": {"temperature": 0.1, "bias": -10.0},
    "SoftTargetCLIPLoss": {
        "temperature": 0.07,
        "target_temperature": None,
        "soft_target_weight": 0.3,
    },
    "SupConLoss": {"temperature": 0.1, "form": "out"},
    "SwAVLoss": {"temperature": 0.1, "epsilon": 0.05, "iterations": 3},
    "VICRegLoss": {"invariance": 25.0, "variance": 25.0, "covariance": 1.0},
}
COMMON = {
    "block_size": None,
    "gather": True,
    "reduction": "sum_over_batch_size",
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_arguments(name):
    parameters = inspect.signature(getattr(kc.losses, name)).parameters
    found = {key: value.default for key, value in parameters.items()}
    del found["name"]
    for key, value in COMMON.items():
        assert found.pop(key, value) == value, key
    assert found == DEFAULTS[name]


def test_a_loss_of_ones_own_takes_the_mean(rng):
    class Distance(kc.losses.EmbeddingLoss):
        def call(self, z_a, z_b):
            return keras.ops.sum(keras.ops.abs(z_a - z_b), axis=-1)

    z_a, z_b = views(4, 3)
    expected = np.abs(z_a - z_b).sum(-1)
    assert float(Distance()(z_a, z_b)) == pytest.approx(expected.mean())
    each = Distance(reduction=None)(z_a, z_b)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(each), expected, rtol=1e-6
    )


def inputs(name):
    """Inputs whose squares and products overflow, or vanish, in float16."""
    rng = np.random.default_rng(0)
    z = [30 * each for each in views(8, 6)]
    if name == "SupConLoss":
        return [np.arange(8) % 3, z[0]]
    if name in ("DINOLoss", "SwAVLoss"):
        return list(rng.normal(size=(2, 4, 2, 6)))
    if name == "CLIPDistillationLoss":
        return [*z, *views(8, 5, seed=1)]
    return z


@pytest.mark.parametrize("name", DEFAULTS)
def test_float16_is_computed_in_float32(name):
    loss = getattr(kc.losses, name)()
    short = [
        x.astype("float16") if x.dtype.kind == "f" else x for x in inputs(name)
    ]
    long = [x.astype("float32") if x.dtype.kind == "f" else x for x in short]
    value = loss(*short)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert float(value) == pytest.approx(float(loss(*long)), rel=1e-6)
