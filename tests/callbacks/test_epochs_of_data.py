"""Each epoch of `fit` is that epoch of its data sets, whoever reads them."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

SIZE = 8
PICTURES = np.random.default_rng(0).integers(
    0, 256, size=(12, SIZE, SIZE, 3), dtype="uint8"
)


def image_dataset(count):
    return kc.datasets.ImageDataset(list(PICTURES[:count]), 4, SIZE)


def image_stream(count):
    return kc.datasets.image_stream(
        [{"image": picture} for picture in PICTURES[:count]], 4, SIZE, count
    )


class Phases(keras.callbacks.Callback):
    """Keeps the batches that are read in the training of each epoch."""

    def __init__(self, monkeypatch, data, reads):
        super().__init__()
        self.batches = {None: []}
        self._now = None
        self._predicts = data if reads == "predict" else None
        kind = type(data)
        get = kind.__getitem__

        def record(data, index):
            batch = get(data, index)
            self.batches[self._now].append(batch)
            return batch

        monkeypatch.setattr(kind, "__getitem__", record)

    def on_epoch_begin(self, epoch, logs=None):
        self._now = epoch
        self.batches[epoch] = []

    def on_test_begin(self, logs=None):
        self._now = None

    def on_epoch_end(self, epoch, logs=None):
        self._now = None
        if self._predicts is not None:
            self.model.predict(self._predicts, verbose=0)


@pytest.mark.one_case
@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow",
    reason="TensorFlow also reads batches to know their shapes",
)
@pytest.mark.parametrize("reads", ["validation", "predict", None])
@pytest.mark.parametrize("count", [4, 12])  # one batch, three batches
@pytest.mark.parametrize("make", [image_dataset, image_stream])
def test_others_that_read_the_data_do_not_count(
    make, count, reads, monkeypatch
):
    expected = []
    for epoch in range(3):
        alone = make(count)
        alone.epoch = epoch
        expected.append(np.concatenate([*alone]))
    assert (expected[0] != expected[1]).any()
    model = kc.SimCLRModel(
        kc.models.ConvNet(4, 2, (SIZE, SIZE, 3)),
        kc.layers.ProjectionHead(8, 4),
        kc.layers.RandomFlip(),
    )
    model.compile()
    for first in (0, 2):  # a run, and one resumed after two epochs
        data = make(count)
        with monkeypatch.context() as patch:
            phases = Phases(patch, data, reads)
            model.fit(
                data,
                initial_epoch=first,
                epochs=3,
                validation_data=data if reads == "validation" else None,
                callbacks=[phases],
                verbose=0,
            )
        for epoch in range(first, 3):
            batches = np.concatenate(phases.batches[epoch])
            np.testing.assert_array_equal(batches, expected[epoch])


@pytest.mark.one_backend
def test_the_epochs_of_a_validation():
    data, validation = image_dataset(12), image_dataset(12)
    model = kc.SimCLRModel(
        kc.models.ConvNet(4, 2, (SIZE, SIZE, 3)),
        kc.layers.ProjectionHead(8, 4),
        kc.layers.RandomFlip(),
    )
    model.compile()
    model.fit(
        data,
        validation_data=validation,
        initial_epoch=2,
        epochs=4,
        verbose=0,
    )
    assert data.epoch == validation.epoch == 4
