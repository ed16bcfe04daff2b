"""The base class of data sets that decode images ahead of `fit`."""

import abc
import functools
import threading
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.pixel_reader import PixelReader
from keras_contrastive.datasets.pipeline.epoch_dataset import EpochDataset
from keras_contrastive.datasets.pipeline.epoch_sampling import EpochSample
from keras_contrastive.datasets.pipeline.epoch_sampling import sample_epoch
from keras_contrastive.datasets.pipeline.epoch_sampling import (
    sample_substitutes,
)
from keras_contrastive.datasets.pipeline.image_batches import ImageBatches
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_rate

# `fit` reads up to two batches before training, to build the model.
BATCHES_TO_BUILD = 2


class RecordDataset(EpochDataset):
    """The base class of `ImageDataset` and `ImageTextDataset`.

    Draws the order of each epoch, decodes and resizes images in threads, reads
    batches ahead, replaces bad records and counts epochs. A subclass defines
    `argument`, `_parse_record` and `_make_batch`. The constructor calls
    `_parse_record`.

    Args:
        records: Sequence of records of any form.
        batch_size, image_size, shuffle, seed, drop_remainder, cache, workers,
            max_queue_size, max_bad_fraction, channels, value_range: See
            `ImageDataset`.
    """

    argument: str  # the subclass's argument that holds the records

    def __init__(
        self,
        records: Sequence,
        batch_size: int,
        image_size: int | tuple[int, int],
        *,
        shuffle: bool,
        seed: int,
        drop_remainder: bool,
        cache: bool,
        workers: int | None,
        max_queue_size: int,
        max_bad_fraction: float,
        channels: int | Sequence[int],
        value_range: Any,
    ):
        # This class uses its own threads. Those of Keras would start the first
        # epoch with batches prepared when `fit` built the model, and carry
        # batches from the end of one epoch into the next.
        super().__init__(workers=1)
        self.records = records
        self.batch_size = check_int("batch_size", batch_size, 1)
        self.drop_remainder = check_bool("drop_remainder", drop_remainder)
        self._seed = check_int("seed", seed, 0)
        self._ahead = check_int("max_queue_size", max_queue_size, 0)
        shuffle = check_bool("shuffle", shuffle)
        cache = check_bool("cache", cache)
        smallest = self.batch_size if drop_remainder else 1
        if len(records) < smallest:
            raise ValueError(
                f"`{self.argument}` must hold at least {smallest} records. "
                f"Received: {len(records)}"
            )
        max_bad_fraction = check_rate("max_bad_fraction", max_bad_fraction)
        self._bad_records = BadRecords(
            "images cannot be used", len(records), max_bad_fraction
        )
        if workers is not None:
            workers = check_int("workers", workers, 1)
        self._batches = ImageBatches(
            records,
            self._parse_record,
            PixelReader(image_size, channels, value_range),
            cache=cache,
            workers=workers,
            bad_records=self._bad_records,
            argument=self.argument,
        )
        self._batches.check()

        blocks = getattr(records, "blocks", None)

        @functools.lru_cache(maxsize=2)  # for this epoch and the next
        def sample(epoch):
            return sample_epoch(seed, epoch, len(records), shuffle, blocks)

        self._sample = sample
        self._read_ahead = ReadAhead(self._load)
        self._lock = threading.Lock()
        self._epoch = 0
        self._in_epoch = False
        self._positions: dict[int, int] = {}

    @abc.abstractmethod
    def _parse_record(self, record: Any, index: int) -> Any:
        """Returns the record in a form with an attribute `image`.

        Raises:
            ValueError: If the record is bad, regardless of its image.
        """

    @abc.abstractmethod
    def _make_batch(
        self,
        images: np.ndarray,
        records: list[tuple[int, Any]],
        sample: EpochSample,
    ) -> Any:
        """Returns a batch.

        Args:
            images: Array, shape `(batch, height, width, channels)`.
            records: For each image, the index of its record and what
                `_parse_record` returned.
            sample: The random choices of the epoch.
        """

    @property
    def epoch(self) -> int:
        """The epoch that batches are drawn for, counted from 0."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int):
        with self._lock:
            self._epoch = check_int("epoch", epoch, 0)
            self._positions.clear()

    def follow_epochs(self) -> keras.callbacks.Callback:
        """Returns a callback for `fit` that sets `epoch` to that of `fit`."""

        def set_epoch(epoch, logs):
            self.epoch = epoch

        return keras.callbacks.LambdaCallback(on_epoch_begin=set_epoch)

    def __len__(self):
        batches, remainder = divmod(len(self.records), self.batch_size)
        return batches + bool(remainder and not self.drop_remainder)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(
                f"The index must be less than {len(self)}, the number of "
                f"batches. Received: {index}"
            )
        with self._lock:
            epoch, position = self._epoch, index
            if self._in_epoch:
                # `fit` may have shuffled the indices. The first requested index
                # gets the first batch, and so on. This keeps the order of this
                # data set, and determines which batch comes next.
                position = self._positions.setdefault(
                    index, len(self._positions)
                )
        following = [
            (epoch + later // len(self), later % len(self))
            for later in range(position + 1, position + 1 + self._ahead)
        ]
        return self._read_ahead.get((epoch, position), following)

    def __iter__(self):
        yield from super().__iter__()
        self._warn()

    def on_epoch_begin(self) -> None:
        with self._lock:
            self._in_epoch = True
            self._positions.clear()

    def on_epoch_end(self) -> None:
        # `fit` starts and ends an epoch for the batch that builds the model.
        # Before the first epoch, it also ends an epoch that did not start.
        with self._lock:
            least = min(BATCHES_TO_BUILD + 1, len(self))
            if self._in_epoch and len(self._positions) >= least:
                self._epoch += 1
            self._in_epoch = False
            self._positions.clear()
        self._warn()

    def _warn(self):
        self._bad_records.warn("They are replaced by others.", stacklevel=3)

    def _load(self, key):
        epoch, position = key
        sample = self._sample(epoch)
        start = position * self.batch_size

        def substitutes(place):
            return sample_substitutes(
                self._seed, epoch, start + place, sample.order
            )

        images, records = self._batches.load(
            sample.order[start : start + self.batch_size], substitutes
        )
        return self._make_batch(images, records, sample)


class ReadAhead:
    """Calls a function in the background on the next arguments.

    Args:
        load: Function of one hashable argument, called from threads. Equal
            arguments must give equal results.
    """

    def __init__(self, load: Callable):
        self._load = load
        self._pending: dict[Any, Future] = {}
        self._lock = threading.Lock()
        # Two threads overlap the end of one call and the start of the next.
        self._pool = ThreadPoolExecutor(2, "read_ahead")

    def get(self, key: Hashable, following: Iterable[Hashable]) -> Any:
        """Returns the result for `key` and starts those for `following`.

        Calls that were started earlier for any other argument are dropped.
        """
        with self._lock:
            wanted = dict.fromkeys([key, *following])
            for stale in self._pending.keys() - wanted.keys():
                self._pending.pop(stale).cancel()
            for each in wanted:
                if each not in self._pending:
                    self._pending[each] = self._pool.submit(self._load, each)
            result = self._pending.pop(key)
        return result.result()
