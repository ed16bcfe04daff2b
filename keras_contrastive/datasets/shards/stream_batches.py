"""Numbered batches from a stream of examples."""

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_contrastive.datasets.pipeline.checked_tokenizer import (
    CheckedTokenizer,
)
from keras_contrastive.datasets.pipeline.epoch_dataset import EpochDataset
from keras_contrastive.datasets.shards.stream_reader import StreamReader
from keras_contrastive.validation import check_int

# Number of batches that Keras may read before it trains on them: TensorFlow
# inspects the data, one batch builds the model, and the next epoch starts
# early.
_REPLAYED = 4


class StreamBatches(EpochDataset):
    """Numbered batches from a stream.

    A stream can only yield the next batch, but Keras requests batches by
    number, each once per epoch, in order or, with `fit(shuffle=True)`, in
    random order. Each new number receives the next batch. Keras also requests a
    few batches that it does not train on. When it requests them again, it
    receives the same batches.

    Args:
        reader: `StreamReader`.
        tokenizer: Callable on a list of strings. `None` makes batches of only
            images.
        batch_size: Int.
        num_batches: Int, number of batches in an epoch.
        max_queue_size: Int, number of batches prepared ahead.
    """

    def __init__(
        self,
        reader: StreamReader,
        tokenizer: Callable | None,
        batch_size: int,
        num_batches: int,
        max_queue_size: int,
    ):
        # Threads of Keras would only wait for each other.
        super().__init__(workers=1)
        self.reader = reader
        self.tokenizer = tokenizer and CheckedTokenizer(tokenizer)
        self.batch_size = batch_size
        self._length = num_batches
        self._queue_size = max_queue_size
        self._lock = threading.RLock()
        # One thread, because a stream yields one batch after the other.
        self._maker = ThreadPoolExecutor(1, "stream")
        self.epoch = 0

    def __len__(self) -> int:
        return self._length

    @property
    def bad_examples(self) -> dict[str, str]:
        return dict(self.reader.bad_records.reasons)

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int):
        with self._lock:
            self._start_epoch(check_int("epoch", epoch, 0))
            self._stream = None
            self._queue: deque[Future] = deque()

    def begin_epoch(self, epoch: int) -> None:
        with self._lock:
            # A pass that is over stays in its epoch until the next batch.
            is_over = self._position == len(self)
            if self._epoch + is_over != epoch:
                self.epoch = epoch

    def _start_epoch(self, epoch):
        self._epoch = epoch
        self._position = 0
        self._positions = {}
        self._recent = {}

    def __getitem__(self, index: int) -> Any:
        # TensorFlow may start a new iteration while it still reads ahead.
        with self._lock:
            if self._position == len(self):
                self._start_epoch(self._epoch + 1)
            position = self._positions.get(index)
            if position not in self._recent:
                position = self._positions[index] = self._position
                self._recent[position] = self._next_batch()
                self._recent.pop(position - _REPLAYED, None)
                self._position += 1
                if self._position == len(self):
                    # The epoch may end in the middle of a pass over the source.
                    self.reader.warn()
            return self._recent[position]

    def _next_batch(self):
        if self._stream is None:
            self._stream = _batches(weakref.proxy(self), self._epoch)
        while len(self._queue) <= self._queue_size:
            self._queue.append(self._maker.submit(next, self._stream))
        try:
            return self._queue.popleft().result()
        except BaseException:
            # A generator is exhausted once it has raised.
            self.epoch = self._epoch
            raise


def _batches(dataset, first_epoch):
    """Yields full batches, `len(dataset)` of each epoch."""
    for epoch in itertools.count(first_epoch):
        examples = dataset.reader.read(epoch)
        for _ in range(len(dataset)):
            rows = itertools.islice(examples, dataset.batch_size)
            images, captions, image_ids = zip(*rows, strict=True)
            if dataset.tokenizer is None:
                yield np.stack(images)
                continue
            yield {
                "images": np.stack(images),
                "texts": dataset.tokenizer(list(captions)),
                "image_ids": np.array(image_ids, dtype="int32"),
            }
