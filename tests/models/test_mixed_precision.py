"""A short run of `benchmarks/mixed_precision.py`."""

import numpy as np
import pytest

from benchmarks.mixed_precision import MODELS
from benchmarks.mixed_precision import losses


@pytest.mark.parametrize("name", MODELS)
def test_ends_near_float32(name):
    if name == "clip":
        pytest.importorskip("tokenizers")
    expected = losses(name, "float32", 40)
    assert expected[-5:].mean() < 0.95 * expected[:5].mean()
    for policy in ("mixed_float16", "mixed_bfloat16"):
        found = losses(name, policy, 40)
        assert np.isfinite(found).all()
        assert found[-5:].mean() == pytest.approx(expected[-5:].mean(), rel=0.1)
