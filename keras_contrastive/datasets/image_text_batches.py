"""Records to batches of arrays."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from keras_contrastive.datasets.captioned_image import as_captioned_image
from keras_contrastive.datasets.captioned_image import describe
from keras_contrastive.datasets.captioned_image import read_image
from keras_contrastive.datasets.faults import Faults

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
    """

    def __init__(
        self,
        records,
        tokenizer,
        image_size: tuple[int, int],
        cache: bool,
        workers: int,
        faults: Faults,
    ):
        self.records = records
        self.tokenizer = tokenizer
        self.image_size = image_size
        self.faults = faults
        self._unreadable = set()
        self._text_shapes = None
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
            "texts": self._tokenize([caption for caption, _ in pairs]),
            "image_ids": np.array([image_id for _, image_id in pairs], "int32"),
        }

    def _readable(self, index, substitutes):
        index = int(index)
        while True:
            if index not in self._unreadable:
                record = self.records[index]
                try:
                    record = as_captioned_image(record, index)
                    return self._image(record, index), record, index
                except (OSError, ValueError) as error:
                    self._unreadable.add(index)
                    self.faults.add(describe(record, index), str(error)[:200])
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

    def _tokenize(self, captions):
        tokens = self.tokenizer(captions)
        if isinstance(tokens, Mapping):
            texts = {name: self._array(each) for name, each in tokens.items()}
            shapes = {name: each.shape for name, each in texts.items()}
        else:
            texts = self._array(tokens)
            shapes = {"texts": texts.shape}
        if any(shape[:1] != (len(captions),) for shape in shapes.values()):
            raise ValueError(
                f"`tokenizer` must return one row for each of {len(captions)} "
                f"captions. Received: arrays of the shapes {shapes}"
            )
        shapes = {name: shape[1:] for name, shape in shapes.items()}
        if self._text_shapes is None:
            self._text_shapes = shapes
        if shapes != self._text_shapes:
            raise ValueError(
                "`tokenizer` must pad or cut all captions to the same length, "
                "so that the shapes of batches are static. Received: rows of "
                f"the shapes {self._text_shapes}, and then {shapes}"
            )
        return texts

    def _array(self, tokens):
        try:
            if keras.ops.is_tensor(tokens):
                tokens = keras.ops.convert_to_numpy(tokens)
            array = np.asarray(tokens)
        except ValueError:  # lists of different lengths
            array = np.asarray(None)
        if array.dtype.kind not in "biuf":
            raise ValueError(
                "`tokenizer` must return an array of integers of shape "
                "(batch, length), or a dict of arrays. Received: "
                f"{str(tokens)[:100]} of type {type(tokens).__name__}"
            )
        # What every backend has.
        types = {"b": "bool", "f": "float32"}
        return array.astype(types.get(array.dtype.kind, "int32"))
