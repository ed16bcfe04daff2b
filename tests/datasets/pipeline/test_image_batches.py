"""The number of threads that decode."""

import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.datasets.pipeline import image_batches
from tests.datasets.decoding import record_decoding

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize(
    "workers, seconds, is_one",
    [(None, 1e-4, True), (None, 1e-3, False), (2, 1e-4, False), (1, 1, True)],
)
def test_small_images_need_one_thread(workers, seconds, is_one, monkeypatch):
    names = record_decoding(monkeypatch, image_batches, seconds)
    images = np.random.default_rng(0).integers(0, 256, (96, 4, 4, 3), "uint8")
    dataset = kc.datasets.ImageDataset(
        images, 48, 4, shuffle=False, workers=workers, max_queue_size=0
    )
    del names[:]
    batches = [dataset[i] for i in range(2)]
    np.testing.assert_array_equal(np.concatenate(batches), images)
    assert len(names) == 96
    # The first images are read before the number of threads is known.
    assert all(name.startswith("decode") for name in names[48:])
    if is_one:
        assert len(set(names[48:])) == 1
    else:
        assert not any(name.startswith("decode_alone") for name in names)
