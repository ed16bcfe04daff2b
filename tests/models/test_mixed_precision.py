"""A short run of `benchmarks/mixed_precision.py`."""

import numpy as np
import pytest

from benchmarks.mixed_precision import losses

pytest.importorskip("tokenizers")


@pytest.mark.one_backend
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_clip_ends_near_float32(policy):
    """SimCLR: test_simclr_model.py."""
    expected = losses("clip", "float32", 40)
    found = losses("clip", policy, 40)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[-5:].mean(), expected[-5:].mean(), 0.1)
