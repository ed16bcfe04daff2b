"""Records to batches of arrays."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_contrastive.datasets.captioned_image import as_captioned_image
from keras_contrastive.datasets.captioned_image import describe
from keras_contrastive.datasets.captioned_image import take_record
from keras_contrastive.datasets.checked_tokenizer import CheckedTokenizer
from keras_contrastive.datasets.faults import Faults
from keras_contrastive.datasets.image_sources import read_image

# A thread's unit of work, in images.
CHUNK = 16


class ImageTextBatches:
    """Decodes, resizes and tokenizes what a batch is made of.

    Args:
        records: sequence of records, see `as_captioned_image`.
        tokenizer: callable from a list of strings to an array or a dict.
        image_size: `(height, width)`.
        cache: whether to keep the resized images.
        workers: int, number of threads that decode.
        faults: `Faults` for the records that can't be read.
        argument: name of the argument that holds the records.
    """

    def __init__(
        self,
        records,
        tokenizer,
        image_size: tuple[int, int],
        cache: bool,
        workers: int,
        faults: Faults,
        argument: str,
    ):
        self.records = records
        self.tokenizer = CheckedTokenizer(tokenizer)
        self.image_size = image_size
        self.faults = faults
        self.argument = argument
        self._unreadable = set()
        self._pool = ThreadPoolExecutor(workers, "decode")
        # Memory that isn't written to isn't taken either.
        shape = (len(records), *image_size, 3)
        self._cache = np.empty(shape, "uint8") if cache else None
        self._cached = np.zeros(len(records), bool)

    def load(self, indices, choose_caption, substitutes) -> dict:
        """The batch of these records.

        Args:
            indices: int array, shape `(batch,)`.
            choose_caption: function of an index and its captions.
            substitutes: function of a place in the batch that gives an
                iterator of other indices for it.
        """
        indices = np.array(indices)
        images = np.empty((len(indices), *self.image_size, 3), "uint8")

        def load_chunk(start):
            chunk = []
            for place in range(start, min(start + CHUNK, len(indices))):
                image, record, index = self._readable(
                    indices[place], substitutes(place)
                )
                images[place] = image
                caption = choose_caption(index, record.captions)
                chunk.append((caption, record.image_id))
            return chunk

        chunks = self._pool.map(load_chunk, range(0, len(indices), CHUNK))
        pairs = [pair for chunk in chunks for pair in chunk]
        return {
            "images": images,
            "texts": self.tokenizer([caption for caption, _ in pairs]),
            "image_ids": np.array([image_id for _, image_id in pairs], "int32"),
        }

    def check(self):
        """Raises a `ValueError` if too many records precede a good one."""
        self._readable(0, iter(range(1, len(self.records))))

    def _readable(self, index, substitutes):
        index = int(index)
        while True:
            if index not in self._unreadable:
                record = None
                try:
                    record = take_record(self.records, index, self.argument)
                    record = as_captioned_image(record, index, self.argument)
                    return self._image(record, index), record, index
                except (OSError, ValueError) as error:
                    self._unreadable.add(index)
                    name = describe(record, index, self.argument)
                    self.faults.add(name, str(error)[:400])
            # Also where another batch found it, which nobody may ask for.
            self.faults.check()
            index = next(substitutes)

    def _image(self, record, index):
        if self._cached[index]:
            return self._cache[index]
        image = read_image(record.image, self.image_size)
        if self._cache is not None:
            self._cache[index] = image
            self._cached[index] = True
        return image
