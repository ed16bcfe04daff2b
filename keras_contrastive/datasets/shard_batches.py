"""A stream of examples as a data set of numbered batches."""

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from keras_contrastive.datasets.arguments import checked_int
from keras_contrastive.datasets.checked_tokenizer import CheckedTokenizer
from keras_contrastive.datasets.shard_reader import ShardReader

# What Keras may read ahead before it trains on it: TensorFlow's first look at
# the data, the batch that builds the model, the start of the next epoch.
_REPLAYED = 4


class ShardBatches(keras.utils.PyDataset):
    """What `image_text_shards` returns: a stream behind numbered batches.

    A stream has a next batch, not one of each number. Keras asks for each
    number once an epoch, in order or (`fit(shuffle=True)`) not, and gets the
    next batch for any number that is new. But it also asks for a few batches
    that it doesn't train on; when it asks for them again, it gets them again.

    Args:
        reader: `ShardReader`.
        tokenizer: callable on a list of strings.
        batch_size: int.
        num_batches: int, length of an epoch.
        max_queue_size: int, number of batches prepared ahead.
    """

    def __init__(
        self,
        reader: ShardReader,
        tokenizer: Callable,
        batch_size: int,
        num_batches: int,
        max_queue_size: int,
    ):
        # Threads of Keras' own would only wait for each other here.
        super().__init__(workers=1)
        self.reader = reader
        self.tokenizer = CheckedTokenizer(tokenizer)
        self.batch_size = batch_size
        self._length = num_batches
        self._queue_size = max_queue_size
        self._lock = threading.RLock()
        # One thread: batches are made one after the other.
        self._maker = ThreadPoolExecutor(1, "shards")
        self.epoch = 0

    def __len__(self) -> int:
        return self._length

    @property
    def bad_examples(self) -> dict[str, str]:
        return dict(self.reader.faults.reasons)

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int):
        with self._lock:
            self._start_epoch(checked_int("epoch", epoch, 0))
            self._stream = None
            self._queue = deque()

    def _start_epoch(self, epoch):
        self._epoch = epoch
        self._position = 0
        self._positions = {}
        self._recent = {}

    def __getitem__(self, index: int) -> dict:
        # TensorFlow may still be reading ahead when it reads anew.
        with self._lock:
            if self._position == len(self):
                self._start_epoch(self._epoch + 1)
            position = self._positions.get(index)
            if position not in self._recent:
                position = self._positions[index] = self._position
                self._recent[position] = self._next_batch()
                self._recent.pop(position - _REPLAYED, None)
                self._position += 1
            return self._recent[position]

    def _next_batch(self):
        if self._stream is None:
            self._stream = _batches(weakref.proxy(self), self._epoch)
        while len(self._queue) <= self._queue_size:
            self._queue.append(self._maker.submit(next, self._stream))
        try:
            return self._queue.popleft().result()
        except BaseException:
            # A generator that has raised is exhausted.
            self.epoch = self._epoch
            raise


def _batches(dataset, first_epoch):
    """Full batches, `len(dataset)` from each epoch."""
    for epoch in itertools.count(first_epoch):
        examples = dataset.reader.read(epoch)
        for _ in range(len(dataset)):
            rows = itertools.islice(examples, dataset.batch_size)
            images, captions, image_ids = zip(*rows, strict=True)
            yield {
                "images": np.stack(images),
                "texts": dataset.tokenizer(list(captions)),
                "image_ids": np.array(image_ids, dtype="int32"),
            }
