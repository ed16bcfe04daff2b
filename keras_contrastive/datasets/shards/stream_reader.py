"""Shuffles the examples of a stream, and decodes them."""

import itertools
import os
import random
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.pixel_reader import PixelReader
from keras_contrastive.datasets.pipeline.decoding_speed import TIMED_IMAGES
from keras_contrastive.datasets.pipeline.decoding_speed import (
    one_thread_is_faster,
)
from keras_contrastive.datasets.shards.example_source import ExampleSource


class StreamReader:
    """Reads the examples of one host, pass after pass.

    Examples are shuffled in a buffer before they are decoded, when they are
    smaller. They are decoded in threads, because Pillow releases the global
    interpreter lock; small images in the thread that reads, which is faster
    for them. The order depends on the seed, the epoch and the host, but not on
    the timing of threads.

    Args:
        source: Source of the examples of all hosts.
        reader: `PixelReader` of the images.
        with_captions: Whether examples have captions.
        shuffle_buffer: Int, number of undecoded examples to draw the next one
            from. 0 keeps the order of the source.
        seed: Int.
        num_hosts: Int.
        host_index: Int. In the epoch's order of parts, this host reads the part
            at this index and every `num_hosts`-th after it.
        workers: Int, number of threads that decode. `None` means one per core,
            or the thread that reads if that is faster for the first images.
        bad_records: Counts examples that cannot be read.
    """

    def __init__(
        self,
        source: ExampleSource,
        reader: PixelReader,
        with_captions: bool,
        shuffle_buffer: int,
        seed: int,
        num_hosts: int,
        host_index: int,
        workers: int | None,
        bad_records: BadRecords,
    ):
        self.source = source
        self.reader = reader
        self.with_captions = with_captions
        self.shuffle_buffer = shuffle_buffer
        self.seed = seed
        self.num_hosts = num_hosts
        self.host_index = host_index
        self.workers = workers or os.cpu_count() or 1
        self.bad_records = bad_records
        self._pool = ThreadPoolExecutor(self.workers, "decode")
        # `None` until the first images have been decoded.
        self._needs_threads = None if workers is None else True

    def read(self, epoch: int) -> Iterator[tuple[np.ndarray, str, int]]:
        """Yields triples of image, caption and image id, endlessly.

        Captions are empty if they are not requested. After the last example,
        the host starts again, to replace bad examples and to compensate for
        smaller shards.
        """
        parts = list(self.source.parts)
        if self.shuffle_buffer:
            # Shuffled before the division, so that it differs in each epoch.
            random.Random(f"{self.seed}, {epoch}").shuffle(parts)
        parts = parts[self.host_index :: self.num_hosts]
        rng = random.Random(f"{self.seed}, {epoch}, {self.host_index}")

        while True:
            good = 0
            examples = self._shuffled(self._examples(parts, epoch), rng)
            for decoded in self._decoded(examples, epoch):
                good += 1
                yield decoded
            self.warn()
            if not good:
                raise ValueError(
                    "There is no good example in the shards of this host. "
                    f"Received: {str(parts)[:400]}, with the errors "
                    f"{str(self.bad_records.reasons)[:400]}"
                )

    def warn(self) -> None:
        """Warns of the bad examples that were found since the last warning."""
        self.bad_records.warn("They are left out.", stacklevel=3)

    def _examples(self, parts, epoch):
        for part in parts:
            yield from self.source.read(part, epoch, self._reject)
            if self.source.warns_of_parts:
                # Warns early, not only at the end of a long epoch.
                self.warn()

    def _shuffled(self, examples, rng):
        buffer = []
        for example in examples:
            buffer.append(example)
            if len(buffer) > self.shuffle_buffer:
                yield _take_any(buffer, rng)
        while buffer:
            yield _take_any(buffer, rng)

    def _decoded(self, examples, epoch):
        def decode(example):
            try:
                return self._decode(example, epoch)
            except (OSError, ValueError) as error:
                return error

        for example, decoded in self._in_order(decode, examples):
            if isinstance(decoded, Exception):
                self._reject(example.name, str(decoded)[:400])
            else:
                yield decoded

    def _decode(self, example, epoch):
        image = self.source.image(example.content)
        caption = ""
        if self.with_captions:
            captions = self.source.captions(example.content)
            caption = captions[0]
            if len(captions) > 1:
                path = f"{self.seed}, {epoch}, {example.name}"
                caption = random.Random(path).choice(captions)
        return self.reader.read(image), caption, example.image_id

    def _in_order(self, function, items: Iterator) -> Iterator:
        """Yields `(item, function(item))` in the order of the items."""
        if self._needs_threads is None:
            seconds = []
            for item in itertools.islice(items, TIMED_IMAGES):
                begin = time.perf_counter()
                result = function(item)
                seconds.append(time.perf_counter() - begin)
                yield item, result
            if seconds:
                self._needs_threads = not one_thread_is_faster(seconds)
        if self._needs_threads:
            yield from self._in_threads(function, items)
        else:
            yield from ((item, function(item)) for item in items)

    def _in_threads(self, function, items):
        waiting: deque[tuple[Any, Future]] = deque()
        for item in items:
            waiting.append((item, self._pool.submit(function, item)))
            if len(waiting) > 4 * self.workers:
                item, future = waiting.popleft()
                yield item, future.result()
        while waiting:
            item, future = waiting.popleft()
            yield item, future.result()

    def _reject(self, name, reason):
        self.bad_records.add(name, reason)
        self.bad_records.check()


def _take_any(buffer, rng):
    """Removes a random item, and moves the last item to its position."""
    place = rng.randrange(len(buffer))
    buffer[place], buffer[-1] = buffer[-1], buffer[place]
    return buffer.pop()
