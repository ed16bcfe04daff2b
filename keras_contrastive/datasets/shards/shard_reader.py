"""Reads and shuffles the examples of shards, and decodes them in threads."""

import os
import random
import tarfile
from collections import deque
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.image_files import load_image
from keras_contrastive.datasets.shards.shard_captions import read_captions
from keras_contrastive.datasets.shards.shard_files import IMAGE_SUFFIXES
from keras_contrastive.datasets.shards.shard_files import import_webdataset

MAX_BYTES = 2**28  # of a file; a compressed archive may claim any size


class ShardReader:
    """Reads the shards of one host, pass after pass.

    Archives are read one by one, with `webdataset`. Examples are shuffled in a
    buffer before they are decoded, because they are smaller then. Threads
    decode them; Pillow releases Python's lock meanwhile. The order depends on
    the seed, the epoch and the host, but not on the timing of threads.

    Args:
        shards: List of paths and URLs of the shards of all hosts.
        image_size: `(height, width)`, in pixels.
        caption_key: Field of the caption in `.json` files, or `None` for the
            `.txt` or, without one, the field `"caption"`.
        shuffle_buffer: Int, number of undecoded examples to draw the next one
            from. 0 keeps the order of the files.
        seed: Int.
        num_hosts: Int.
        host_index: Int. From the epoch's order of shards, this host reads the
            one at this index and every `num_hosts`-th after it.
        workers: Int, number of threads that decode.
        bad_records: Counts examples that cannot be read.
    """

    def __init__(
        self,
        shards: list[str],
        image_size: tuple[int, int],
        caption_key: str | None,
        shuffle_buffer: int,
        seed: int,
        num_hosts: int,
        host_index: int,
        workers: int,
        bad_records: BadRecords,
    ):
        self.shards = shards
        self.image_size = image_size
        self.caption_key = caption_key
        self.shuffle_buffer = shuffle_buffer
        self.seed = seed
        self.num_hosts = num_hosts
        self.host_index = host_index
        self.workers = workers
        self.bad_records = bad_records
        self._names = _short_names(shards)
        self._numbers = {shard: index for index, shard in enumerate(shards)}
        self._webdataset = import_webdataset()
        self._pool = ThreadPoolExecutor(workers, "decode")

    def read(self, epoch: int) -> Iterator[tuple[np.ndarray, str, int]]:
        """Yields triples of image, caption and image id, without end.

        After the last example of the host's shards the first ones come again,
        to replace bad examples and to make up for smaller shards.
        """
        shards = list(self.shards)
        if self.shuffle_buffer:
            # Before the shards are divided: each epoch divides them again.
            random.Random(f"{self.seed}, {epoch}").shuffle(shards)
        shards = shards[self.host_index :: self.num_hosts]
        rng = random.Random(f"{self.seed}, {epoch}, {self.host_index}")

        while True:
            good = 0
            samples = self._shuffled(self._samples(shards), rng)
            for example in self._decoded(samples, epoch):
                good += 1
                yield example
            self.bad_records.warn("They are left out.")
            if not good:
                raise ValueError(
                    "There is no good example in the shards of this host. "
                    f"Received: {shards}, of which {self.bad_records.reasons}"
                )

    def _samples(self, shards):
        """Yields undecoded examples, dicts from suffixes to bytes."""
        for shard in shards:

            def handle(error, shard=shard):
                self._reject(shard, f"damaged archive ({_message(error)})")
                return True  # continue

            group = self._webdataset.tariterators.group_by_keys
            samples = group(self._files(shard), handler=handle)
            for place, sample in enumerate(samples):
                yield {**sample, "__place__": place}
            # After each shard, not only at the end of a long epoch.
            self.bad_records.warn("They are left out.")

    def _files(self, shard):
        """Yields images and captions in the form that webdataset groups."""
        files = _read_archive(self._webdataset.gopen, shard)
        while True:
            try:
                name, content = next(files)
            except StopIteration:
                return
            except Exception as error:  # the type depends on the compression
                self._reject(shard, f"damaged archive ({_message(error)})")
                return
            if content is None:
                self._reject(
                    f"{self._names[shard]}/{name}",
                    f"sparse, or larger than {MAX_BYTES:,} bytes",
                )
                continue
            yield {"fname": name, "data": content, "__url__": shard}

    def _shuffled(self, samples, rng):
        if not self.shuffle_buffer:
            return samples
        shuffle = self._webdataset.shuffle(
            self.shuffle_buffer, initial=self.shuffle_buffer, rng=rng
        )
        return shuffle(samples)

    def _decoded(self, samples, epoch):
        def decode(sample):
            try:
                return self._decode(sample, epoch)
            except ValueError as error:
                return error

        for sample, example in self._in_threads(decode, samples):
            if isinstance(example, ValueError):
                self._reject(self._name(sample), str(example))
            else:
                yield example

    def _decode(self, sample, epoch):
        image = next((sample[s] for s in IMAGE_SUFFIXES if s in sample), None)
        if image is None:
            raise ValueError(f"no image (.{', .'.join(IMAGE_SUFFIXES)})")
        captions = read_captions(sample, self.caption_key)
        name = self._name(sample)
        rng = random.Random(f"{self.seed}, {epoch}, {name}")
        caption = captions[0] if len(captions) == 1 else rng.choice(captions)
        return (
            load_image(image, self.image_size),
            caption,
            self._image_id(sample),
        )

    def _image_id(self, sample):
        """An id in 31 bits, because JAX's integers have 32.

        Each shard has an equal range of ids.
        """
        share = 2**31 // len(self.shards)
        number = self._numbers[sample["__url__"]]
        return (number * share + sample["__place__"]) % 2**31

    def _name(self, sample):
        return f"{self._names[sample['__url__']]}/{sample['__key__']}"

    def _in_threads(self, function, items: Iterable) -> Iterator:
        """Yields `(item, function(item))` in the order of the items."""
        waiting = deque()
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


def _read_archive(open_url, url):
    """Yields names and contents of files; `None` for what must not be read."""
    with tarfile.open(fileobj=open_url(url), mode="r|*") as archive:
        for member in archive:
            archive.members = []  # do not keep all headers in memory
            # Skip links and devices.
            if not member.isreg() or not _is_of_interest(member.name):
                continue
            # A sparse file of a few bytes may claim terabytes.
            if member.issparse() or member.size > MAX_BYTES:
                yield member.name, None
            else:
                yield member.name, archive.extractfile(member).read()


def _is_of_interest(path):
    suffix = path.rpartition(".")[2].lower()
    return suffix in (*IMAGE_SUFFIXES, "txt", "json")


def _message(error):
    # Not `str(error)`: webdataset appends URLs and streams to the arguments.
    first = error.args[0] if error.args else type(error).__name__
    return getattr(error, "strerror", None) or first


def _short_names(shards):
    """File names, or whole paths if two shards have the same file name."""
    names = {shard: os.path.basename(shard) for shard in shards}
    unique = len(set(names.values())) == len(names)
    return names if unique else {shard: shard for shard in shards}
