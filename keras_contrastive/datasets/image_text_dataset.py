"""Batches of images and captions, drawn anew in every epoch."""

import functools
import os
import threading
from collections.abc import Callable
from collections.abc import Sequence

import keras

from keras_contrastive.datasets.arguments import checked_int
from keras_contrastive.datasets.captioned_image import check_columns
from keras_contrastive.datasets.epoch_draws import draw_epoch
from keras_contrastive.datasets.epoch_draws import draw_substitutes
from keras_contrastive.datasets.faults import Faults
from keras_contrastive.datasets.faults import check_max_bad_fraction
from keras_contrastive.datasets.image_files import check_image_size
from keras_contrastive.datasets.image_text_batches import ImageTextBatches
from keras_contrastive.datasets.read_ahead import ReadAhead
from keras_contrastive.datasets.sequences import as_sequence

# `fit` takes up to two batches before training, to build the model with.
BATCHES_TO_BUILD = 2


class ImageTextDataset(keras.utils.PyDataset):
    """Images with captions for `CLIPModel.fit`, on every backend.

    Each batch is a dict of NumPy arrays:

    - `"images"`: uint8, shape `(batch_size, height, width, 3)`;
    - `"texts"`: what `tokenizer` makes of a list of `batch_size` captions, an
      array or a dict of arrays;
    - `"image_ids"`: int32, shape `(batch_size,)`, equal for the same image.

    In each epoch every image comes once, with one of its captions. Which one,
    and the order, is a function of `seed` and the epoch, so that a second run
    sees what the first one saw. The argument `shuffle` of `fit` doesn't matter.

    Images are decoded, resized and batched in threads, some batches ahead of
    the training step. The short side is resized with antialiasing and the
    centre is cropped, as CLIP is evaluated. Random crops are for the model's
    augmenter to make: an `image_size` somewhat larger than the encoder's input
    (a tenth, say) leaves it room.

    A record whose image can't be read, or that has no usable caption, is
    replaced by another one of the epoch, caption and id included, so that
    shapes stay static. At the end of an epoch, one warning names those that
    were found.

    `epoch` counts the epochs from 0, as Keras announces them. But Keras
    doesn't say which epoch it is in, neither with `fit(initial_epoch=10)` nor
    when a callback resumes. `CLIPModel.fit` does. In other models the callback
    that `follow_epochs()` returns makes a run in parts draw what a run in one
    piece draws: `fit(dataset, callbacks=[dataset.follow_epochs()])`. In a loop
    of your own, set `dataset.epoch` before each iteration.

    Args:
        records: a sequence, with `len` and integer indices, of
            `CaptionedImage`s or of dicts with `"image"`, `"captions"` and
            possibly `"image_id"`. It is read from several threads. Data sets
            of Hugging Face and TensorFlow Datasets' `as_data_source` are
            such sequences; DataFrames with these columns do as well. An image
            is the path of a file, the bytes of one, a dict of `"bytes"` and
            `"path"`, a Pillow image, or an array of shape `(height, width)`
            or `(height, width, channels)`: gray or RGB, with alpha or not;
            uint8, uint16 (65535 is white), other integers from 0 to 255, bool
            or floats from 0 to 1.
        tokenizer: callable from a list of strings to an integer array of shape
            `(batch, length)`, or a dict of such arrays, with the same length
            in every batch.
        batch_size: int, at least 1.
        image_size: int or `(height, width)`, in pixels.
        shuffle: whether the images come in a new order in every epoch.
        seed: int, not negative.
        caption: `"random"`, or `"first"` for the same one in every epoch,
            which is what a validation loss wants.
        drop_remainder: whether to leave out, in each epoch, the images at the
            end that don't fill a batch. Otherwise the last batch is smaller.
        cache: whether to keep the resized images in memory: 12 kB each at
            64×64 pixels, 150 kB at 224×224.
        workers: int, threads that decode. Defaults to the number of cores.
        max_queue_size: int, how many batches are prepared ahead.
        max_bad_fraction: float, the greatest share of the records that may be
            unreadable.

    Raises:
        ValueError: if an argument is invalid, or too many records at the
            start; while iterating, if `tokenizer` returns something else, or
            if too many records can't be read.

    Example:
        ```python
        import keras
        import numpy as np
        import keras_contrastive as kc

        keras.utils.save_img("dog.jpg", np.zeros((60, 80, 3)))
        records = [
            {"image": "dog.jpg", "captions": ["a dog", "a black dog"]},
            {"image": np.ones((70, 50, 3), "uint8"), "captions": ["night"]},
        ]

        def tokenizer(captions):
            codes = [[ord(letter) for letter in text] for text in captions]
            return keras.utils.pad_sequences(codes, 16, padding="post")

        dataset = kc.datasets.ImageTextDataset(
            records, tokenizer, batch_size=2, image_size=32
        )
        batch = dataset[0]
        assert batch["images"].shape == (2, 32, 32, 3)
        assert batch["texts"].shape == (2, 16)
        ```
    """

    argument = "records"  # that holds them, for messages

    def __init__(
        self,
        records: Sequence,
        tokenizer: Callable,
        batch_size: int,
        image_size: int | tuple[int, int],
        shuffle: bool = True,
        seed: int = 0,
        caption: str = "random",
        drop_remainder: bool = True,
        cache: bool = False,
        workers: int | None = None,
        max_queue_size: int = 4,
        max_bad_fraction: float = 0.01,
    ):
        # The threads are ours. Keras' would begin the first epoch with what
        # they had prepared when `fit` built the model, and put the batches
        # that they hold at an epoch's end into the next one.
        super().__init__(workers=1)
        self.batch_size = checked_int("batch_size", batch_size, 1)
        self.drop_remainder = drop_remainder
        self._seed = checked_int("seed", seed, 0)
        self._ahead = checked_int("max_queue_size", max_queue_size, 0)
        records = as_sequence(self.argument, records, ("image", "captions"))
        self._check(records, tokenizer, caption)
        self.records = records
        check_max_bad_fraction(max_bad_fraction)
        self._faults = Faults(
            "images or captions cannot be read", len(records), max_bad_fraction
        )
        workers = os.cpu_count() if workers is None else workers
        self._batches = ImageTextBatches(
            records,
            tokenizer,
            check_image_size(image_size),
            cache=cache,
            workers=checked_int("workers", workers, 1),
            faults=self._faults,
            argument=self.argument,
        )
        self._batches.check()

        @functools.lru_cache(maxsize=2)  # of this epoch and of the next
        def draws(epoch):
            return draw_epoch(seed, epoch, len(records), shuffle, caption)

        self._draws = draws
        self._read_ahead = ReadAhead(self._load)
        self._lock = threading.Lock()
        self._epoch = 0
        self._in_epoch = False
        self._positions = {}

    @property
    def epoch(self) -> int:
        """The epoch that batches are drawn for, counted from 0."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int):
        with self._lock:
            self._epoch = checked_int("epoch", epoch, 0)
            self._positions.clear()

    def follow_epochs(self) -> keras.callbacks.Callback:
        """A callback for `fit` that sets `epoch` to that of `fit`."""

        def set_epoch(epoch, logs):
            self.epoch = epoch

        return keras.callbacks.LambdaCallback(on_epoch_begin=set_epoch)

    def __len__(self):
        batches, remainder = divmod(len(self.records), self.batch_size)
        return batches + bool(remainder and not self.drop_remainder)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches, and no {index}.")
        with self._lock:
            epoch, position = self._epoch, index
            if self._in_epoch:
                # `fit` may have shuffled the indices. To know what will be
                # asked for next, and for the order to be ours, the first
                # index that it asks for gets the first batch, and so on.
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
        # `fit` begins and ends an epoch for the batch that it builds the model
        # with, and ends one, that never began, before the first.
        with self._lock:
            least = min(BATCHES_TO_BUILD + 1, len(self))
            if self._in_epoch and len(self._positions) >= least:
                self._epoch += 1
            self._in_epoch = False
            self._positions.clear()
        self._warn()

    def _warn(self):
        self._faults.warn("They are replaced by others.", stacklevel=3)

    def _load(self, key):
        epoch, position = key
        draws = self._draws(epoch)
        start = position * self.batch_size

        def substitutes(place):
            return draw_substitutes(self._seed, epoch, start + place, draws)

        return self._batches.load(
            draws.order[start : start + self.batch_size],
            draws.choose_caption,
            substitutes,
        )

    def _check(self, records, tokenizer, caption):
        smallest = self.batch_size if self.drop_remainder else 1
        if len(records) < smallest:
            raise ValueError(
                f"`{self.argument}` must hold at least a batch of {smallest}. "
                f"Received: {len(records)}"
            )
        check_columns(records)
        if not callable(tokenizer):
            raise ValueError(
                "`tokenizer` must be callable on a list of strings. "
                f"Received: tokenizer={tokenizer!r}"
            )
        if caption not in ("random", "first"):
            raise ValueError(
                "`caption` must be 'random' or 'first'. "
                f"Received: caption={caption!r}"
            )
