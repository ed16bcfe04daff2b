"""Keras' loops over a data set of records, and reading ahead."""

import threading

import keras
import numpy as np
import pytest

from keras_contrastive.datasets import ImageTextDataset
from keras_contrastive.datasets.pipeline.record_dataset import ReadAhead


class Model(keras.Model):
    """A model whose weights depend on the order of its inputs."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_initializer="ones")

    def call(self, data):
        images = keras.ops.cast(data["images"][:, 0, 0], "float32") / 255
        texts = keras.ops.cast(data["texts"], "float32")
        return self.dense(keras.ops.concatenate([images, texts], -1))

    def compute_loss(self, x, y, y_pred, sample_weight, training=True):
        return keras.ops.mean(keras.ops.square(y_pred - 1))


class Recorder(ImageTextDataset):
    """Keeps the draws of every epoch that Keras begins."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.epochs = []
        self.inside = False

    def on_epoch_begin(self):
        super().on_epoch_begin()
        self.epochs.append([])
        self.inside = True

    def on_epoch_end(self):
        super().on_epoch_end()
        self.inside = False

    def __getitem__(self, index):
        batch = super().__getitem__(index)
        if self.inside:
            draws = zip(batch["image_ids"], batch["texts"][:, 0], strict=True)
            self.epochs[-1].append([(int(i), float(t)) for i, t in draws])
        return batch


def make(num_batches, **arguments):
    images = np.random.default_rng(0).integers(
        0, 256, (4 * num_batches + 1, 6, 6, 3), "uint8"
    )
    records = [
        {"image": image, "captions": [str(5 * i + k) for k in range(5)]}
        for i, image in enumerate(images)
    ]

    def tokenizer(captions):
        return np.array([[int(caption) / 200] for caption in captions])

    return Recorder(records, tokenizer, 4, 6, **arguments)


def compiled():
    model = Model()
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5))
    return model


def expected(num_batches, epoch):
    dataset = make(num_batches)
    dataset.epoch = epoch
    return [
        [
            (int(i), float(t))
            for i, t in zip(batch["image_ids"], batch["texts"], strict=True)
        ]
        for batch in (
            {**each, "texts": each["texts"][:, 0]} for each in dataset
        )
    ]


@pytest.mark.parametrize("shuffle", [True, False])
def test_epochs_are_counted(shuffle):
    """Also without a callback, and in the order of the data set."""
    dataset = make(5)
    model = compiled()
    for _ in range(2):
        model.fit(dataset, epochs=2, shuffle=shuffle, verbose=0)
    epochs = [epoch for epoch in dataset.epochs if len(epoch) == 5]
    assert epochs == [expected(5, epoch) for epoch in range(4)]
    assert dataset.epoch == 4


@pytest.mark.parametrize("num_batches", [1, 3])
def test_a_resumed_run_draws_the_same_samples(num_batches):
    whole = make(num_batches)
    reference = compiled()
    reference.fit(whole, epochs=4, callbacks=[whole.follow_epochs()], verbose=0)

    model = compiled()
    for initial_epoch, epochs in [(0, 2), (2, 4)]:
        part = make(num_batches)
        model.fit(
            part,
            initial_epoch=initial_epoch,
            epochs=epochs,
            shuffle=False,
            callbacks=[part.follow_epochs()],
            verbose=0,
        )
    assert part.epochs[-2:] == whole.epochs[-2:]
    assert part.epochs[-2:] == [expected(num_batches, e) for e in (2, 3)]
    for a, b in zip(reference.weights, model.weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))


def test_steps_per_epoch_sees_something_new_in_every_epoch():
    dataset = make(8)
    compiled().fit(
        dataset,
        steps_per_epoch=4,
        epochs=2,
        callbacks=[dataset.follow_epochs()],
        verbose=0,
    )
    first, second = dataset.epochs[-2:]
    assert first[:4] != second[:4]


def test_validation_data_and_evaluate():
    validation = make(3, shuffle=False, caption="first")
    history = compiled().fit(
        make(3), validation_data=validation, epochs=2, verbose=0
    )
    assert len(history.history["val_loss"]) == 2
    epochs = [epoch for epoch in validation.epochs if len(epoch) == 3]
    assert epochs[0] == epochs[1]
    assert [i for batch in epochs[0] for i, _ in batch] == list(range(12))


def test_reads_ahead_of_the_training_step():
    """The next batch is prepared while `fit` trains on this one."""
    dataset = make(4, max_queue_size=2)
    lock = threading.Lock()
    made, ahead = [], []
    load = dataset._batches.load

    def counted(*args):
        batch = load(*args)
        with lock:
            made.append(batch)
        return batch

    dataset._batches.load = counted

    def on_train_batch_begin(step, logs):
        # This batch and the two that follow, after a short wait.
        for _ in range(1000):
            if len(made) >= step + 3:
                break
            threading.Event().wait(0.01)
        ahead.append(len(made) - step)

    compiled().fit(
        dataset,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_begin=on_train_batch_begin
            )
        ],
        verbose=0,
    )
    assert min(ahead[1:]) >= 3


# ReadAhead.


def test_next_results_are_computed_in_advance():
    done = {key: threading.Event() for key in range(4)}

    def load(key):
        done[key].set()
        return 10 * key

    read_ahead = ReadAhead(load)
    assert read_ahead.get(0, [1, 2]) == 0
    assert done[1].wait(10) and done[2].wait(10) and not done[3].is_set()
    assert [read_ahead.get(key, []) for key in (1, 3)] == [10, 30]


def test_nothing_is_computed_needlessly():
    calls = []
    may_go_on = threading.Event()

    def load(key):
        calls.append(key)
        if key in (1, 2):  # keep both threads busy
            may_go_on.wait(10)
        return key

    read_ahead = ReadAhead(load)
    assert read_ahead.get(0, [1, 2, 3, 4]) == 0
    # 3 and 4 have not started when another result is requested.
    timer = threading.Timer(0.2, may_go_on.set)
    timer.start()
    assert read_ahead.get(2, [1, 5]) == 2
    assert read_ahead.get(1, [5]) == 1
    assert read_ahead.get(5, []) == 5
    assert sorted(calls) == [0, 1, 2, 5]


def test_errors_reach_the_caller():
    def load(key):
        if key == 1:
            raise ValueError("broken")
        return key

    read_ahead = ReadAhead(load)
    assert read_ahead.get(0, [1]) == 0
    with pytest.raises(ValueError, match="broken"):
        read_ahead.get(1, [2])
    assert read_ahead.get(2, []) == 2
