"""Reads the images of records in threads."""

import os
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.pixel_reader import PixelReader
from keras_contrastive.datasets.pipeline.decoding_speed import TIMED_IMAGES
from keras_contrastive.datasets.pipeline.decoding_speed import (
    one_thread_is_faster,
)
from keras_contrastive.datasets.pipeline.records import describe
from keras_contrastive.datasets.pipeline.records import take_record

CHUNK = TIMED_IMAGES  # images that a thread decodes at a time


class ImageBatches:
    """Reads, decodes and resizes the images of a batch.

    Args:
        records: Sequence of records of any form.
        parse: Function `(record, index)` that returns the record in the data
            set's own form, with an attribute `image`, or raises a `ValueError`.
        reader: `PixelReader` of the images.
        cache: Whether to keep the resized images in memory.
        workers: Int, number of threads. `None` means one per core, or a single
            one if that is faster for the first images.
        bad_records: `BadRecords` that counts unreadable records.
        argument: Name of the argument that holds the records, for messages.
    """

    def __init__(
        self,
        records: Sequence,
        parse: Callable,
        reader: PixelReader,
        cache: bool,
        workers: int | None,
        bad_records: BadRecords,
        argument: str,
    ):
        self.records = records
        self.parse = parse
        self.reader = reader
        self.bad_records = bad_records
        self.argument = argument
        self._unreadable: set[int] = set()
        self._threads = ThreadPoolExecutor(workers or os.cpu_count(), "decode")
        # All batches share this thread. Otherwise batches that are read ahead
        # would be decoded in several threads at the same time.
        self._one_thread = ThreadPoolExecutor(1, "decode_alone")
        # The threads in use; `None` until the first images have been read.
        self._chosen = None if workers is None else self._threads
        # The operating system allocates memory only when it is written to.
        shape = (len(records), *reader.shape)
        self._cache: np.ndarray | None = (
            np.empty(shape, reader.dtype) if cache else None
        )
        self._cached: np.ndarray = np.zeros(len(records), bool)

    def load(
        self,
        indices: np.ndarray,
        substitutes: Callable[[int], Iterator[int]],
    ) -> tuple[np.ndarray, list[tuple[int, object]]]:
        """Loads the images of a batch, and replaces bad records.

        Args:
            indices: Int array, shape `(batch,)`.
            substitutes: Function from a position in the batch to the indices
                to try if the record at this position is bad.

        Returns:
            `(images, records)`: array of shape `(batch, height, width,
            channels)`, and for each image the index of its record and the
            parsed record.
        """
        shape = (len(indices), *self.reader.shape)
        images: np.ndarray = np.empty(shape, self.reader.dtype)
        seconds = []

        def load_chunk(start):
            chunk = []
            for position in range(start, min(start + CHUNK, len(indices))):
                begin = time.perf_counter()
                image, index, record = self._first_readable(
                    indices[position], substitutes(position)
                )
                images[position] = image
                chunk.append((index, record))
                seconds.append(time.perf_counter() - begin)
            return chunk

        starts = range(0, len(indices), CHUNK)
        chunks = []
        if self._chosen is None:
            chunks = [load_chunk(0)]
            is_one = one_thread_is_faster(seconds)
            self._chosen = self._one_thread if is_one else self._threads
            starts = starts[1:]
        chunks += self._chosen.map(load_chunk, starts)
        return images, [each for chunk in chunks for each in chunk]

    def check(self):
        """Raises a `ValueError` if too many of the first records are bad."""
        self._first_readable(0, iter(range(1, len(self.records))))

    def _first_readable(self, index, substitutes):
        index = int(index)
        while True:
            if index not in self._unreadable:
                record = None
                try:
                    record = take_record(self.records, index, self.argument)
                    record = self.parse(record, index)
                    return self._image(record, index), index, record
                except (OSError, ValueError) as error:
                    self._unreadable.add(index)
                    name = describe(record, index, self.argument)
                    self.bad_records.add(name, str(error)[:400])
            # Also checked for records that another batch found to be bad: the
            # error of a batch that was read ahead is lost if it is not used.
            self.bad_records.check()
            index = next(substitutes)

    def _image(self, record, index):
        if self._cached[index]:
            return self._cache[index]
        image = self.reader.read(record.image)
        if self._cache is not None:
            self._cache[index] = image
            self._cached[index] = True
        return image
