import itertools

import numpy as np
import pytest

from keras_contrastive.datasets.pipeline.epoch_sampling import sample_epoch
from keras_contrastive.datasets.pipeline.epoch_sampling import (
    sample_substitutes,
)

pytestmark = pytest.mark.one_backend

# Of seed 3 and epoch 2.
ORDER = [5, 2, 1, 4, 0, 3]
UNIFORM = [0.8890420155468353, 0.4628836305650793]
SUBSTITUTES = [1, 4, 0, 5, 2]


def test_values_stay_those_of_earlier_versions():
    """A resumed run must draw the same samples as earlier versions."""
    sample = sample_epoch(seed=3, epoch=2, num_records=6, shuffle=True)
    assert sample.order.tolist() == ORDER
    np.testing.assert_allclose(sample.uniform[:2], UNIFORM, rtol=1e-12)
    substitutes = sample_substitutes(3, 2, 4, sample.order)
    assert list(itertools.islice(substitutes, 5)) == SUBSTITUTES


def test_epochs_and_seeds_differ():
    samples = [
        sample_epoch(seed, epoch, 50, True)
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    ]
    assert len({tuple(sample.order) for sample in samples}) == 3
    assert len({tuple(sample.uniform) for sample in samples}) == 3
    for sample in samples:
        assert sorted(sample.order) == list(range(50))
        assert np.all((sample.uniform >= 0) & (sample.uniform < 1))


def test_without_shuffling_captions_are_still_drawn():
    shuffled, ordered = (
        sample_epoch(0, 0, 9, shuffle) for shuffle in (True, False)
    )
    assert ordered.order.tolist() == list(range(9))
    np.testing.assert_array_equal(ordered.uniform, shuffled.uniform)
