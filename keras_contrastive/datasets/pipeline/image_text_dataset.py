"""Batches of images and captions."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.pipeline.checked_tokenizer import (
    CheckedTokenizer,
)
from keras_contrastive.datasets.pipeline.epoch_sampling import EpochSample
from keras_contrastive.datasets.pipeline.record_dataset import RecordDataset
from keras_contrastive.datasets.pipeline.records import as_captioned_image
from keras_contrastive.datasets.pipeline.records import check_caption_columns
from keras_contrastive.datasets.pipeline.sequences import as_sequence
from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_positive_int


class ImageTextDataset(RecordDataset):
    """Images with captions for `CLIPModel.fit`, on every backend.

    Each batch is a dict of NumPy arrays:

    - `"images"`: uint8, shape `(batch_size, height, width, 3)`, unless
      `channels` and `value_range` specify otherwise, see `ImageDataset`;
    - `"texts"`: the result of `tokenizer` for a list of `batch_size` captions,
      an array or a dict of arrays; with `num_captions`, of shape
      `(batch_size, num_captions, length)`;
    - `"image_ids"`: int32, shape `(batch_size,)`, equal for the same image;
    - with `negative_captions`, `"negative_texts"`: as `"texts"`, of shape
      `(batch_size, negatives, length)`.

    Each epoch contains every image once, with one of its captions or with
    `num_captions` different ones. `CLIPModel` then learns from all of them with
    a single forward pass of its image encoder. An image with fewer captions
    repeats them. The order and the choice of captions depend only on `seed` and
    the epoch, so that runs are repeatable. The argument `shuffle` of `fit` has
    no effect.

    Images are decoded, resized and batched in threads, some batches ahead of
    the training step. The short side is resized with antialiasing and the
    center is cropped, as in the evaluation of CLIP. The model's augmenter makes
    the random crops. To leave room for them, choose for example an `image_size`
    a tenth larger than the encoder's input.

    A record whose image cannot be read, or that has no usable caption, is
    replaced by another one of the epoch, caption and id included, so that
    shapes stay static. At the end of an epoch one warning names the bad
    records.

    `ImageDataset` describes `epoch` and `follow_epochs()`, which serve to
    resume runs.

    Args:
        records: A sequence, with `len` and integer indices, of
            `CaptionedImage`s or of dicts with `"image"`, `"captions"` and
            optionally `"image_id"`. It is read from several threads. Data sets
            of Hugging Face and TensorFlow Datasets' `as_data_source` are
            such sequences. DataFrames with these columns are accepted as well.
            For columns of other names, use `image_records`. Images have any of
            the forms that `ImageDataset` accepts.
        tokenizer: Callable from a list of strings to an integer array of shape
            `(batch, length)`, or a dict of such arrays, with the same length
            in every batch.
        batch_size: Int, at least 1.
        image_size: Int or `(height, width)`, in pixels.
        shuffle: Whether each epoch has a new order.
        seed: Int, not negative.
        caption: `"random"`, or `"first"` for the same caption in every epoch,
            which suits a validation loss.
        num_captions: Int, number of captions per image in a batch. Defaults to
            `None`: one caption, and no axis for captions in `"texts"`.
        negative_captions: Callable from a caption to a list of captions that do
            not describe its image, such as the same words in another order. It
            must return equally many for every caption. With `num_captions`, a
            batch holds the negatives of all captions of an image.
        drop_remainder: Whether to drop the last images of each epoch if they
            do not fill a batch. Otherwise the last batch is smaller.
        cache: Whether to keep the resized images in memory: 12 kB each at
            64×64 pixels, 150 kB at 224×224.
        workers: Int, number of threads that decode. Defaults to the number of
            cores, or 1 for images so small that threads would wait for each
            other.
        max_queue_size: Int, number of batches prepared ahead.
        max_bad_fraction: Float, the largest fraction of records that may be
            unreadable.
        channels: Int or sequence of ints, see `ImageDataset`.
        value_range: Pair, see `ImageDataset`.

    Raises:
        ValueError: If an argument is invalid, or too many of the first records
            are bad; while iterating, if `tokenizer` returns something else, or
            too many records are bad.

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

    argument = "records"

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
        channels: int | Sequence[int] = 3,
        value_range: Any = None,
        num_captions: int | None = None,
        negative_captions: Callable | None = None,
    ):
        if num_captions is not None:
            num_captions = check_positive_int("num_captions", num_captions)
        records = as_sequence("records", records, ("image", "captions"))
        check_caption_columns(records)
        if not callable(tokenizer):
            raise ValueError(
                "`tokenizer` must be callable on a list of strings. "
                f"Received: tokenizer={tokenizer!r}"
            )
        if not (negative_captions is None or callable(negative_captions)):
            raise ValueError(
                "`negative_captions` must be callable on a caption. Received: "
                f"negative_captions={negative_captions!r}"
            )
        check_choice("caption", caption, ("random", "first"))
        super().__init__(
            records,
            batch_size,
            image_size,
            shuffle=shuffle,
            seed=seed,
            drop_remainder=drop_remainder,
            cache=cache,
            workers=workers,
            max_queue_size=max_queue_size,
            max_bad_fraction=max_bad_fraction,
            channels=channels,
            value_range=value_range,
        )
        self._tokenizer = CheckedTokenizer(tokenizer)
        self._caption = caption
        self._num_captions = num_captions
        self._negative_captions = negative_captions
        self._num_negatives = None

    def _parse_record(self, record: Any, index: int) -> CaptionedImage:
        return as_captioned_image(record, index)

    def _make_batch(
        self,
        images: np.ndarray,
        records: list[tuple[int, CaptionedImage]],
        sample: EpochSample,
    ) -> dict[str, Any]:
        captions = [
            self._choose(record.captions, sample.uniform[index])
            for index, record in records
        ]
        texts = self._tokenizer(sum(captions, []))
        if self._num_captions is not None:
            texts = _in_rows(texts, len(records))
        image_ids = [record.image_id for _, record in records]
        batch = {
            "images": images,
            "texts": texts,
            "image_ids": np.array(image_ids, "int32"),
        }
        if self._negative_captions is not None:
            negatives = [
                negative
                for caption in sum(captions, [])
                for negative in self._negatives_of(caption)
            ]
            tokens = self._tokenizer(negatives)
            batch["negative_texts"] = _in_rows(tokens, len(records))
        return batch

    def _negatives_of(self, caption):
        """The negatives of a caption, a list of strings."""
        negatives = self._negative_captions(caption)
        is_list = isinstance(negatives, (list, tuple)) and len(negatives) > 0
        if is_list and self._num_negatives is None:
            self._num_negatives = len(negatives)
        if not is_list or len(negatives) != self._num_negatives:
            raise ValueError(
                "`negative_captions` must return a list of equally many "
                "captions for every caption. "
                f"Received: {negatives!r} for {caption!r}"
                + (f" after {n} before" if (n := self._num_negatives) else "")
            )
        return list(negatives)

    def _choose(self, captions, uniform):
        """The captions of an image in a batch; `uniform` is in [0, 1)."""
        order = range(len(captions))
        if self._caption == "random" and self._num_captions is None:
            order = [int(uniform * len(captions))]
        elif self._caption == "random":
            generator = np.random.default_rng(int(uniform * 2**53))
            order = generator.permutation(len(captions))
        count = self._num_captions or 1
        return [captions[order[k % len(order)]] for k in range(count)]


def _in_rows(texts, rows):
    """Reshapes arrays from `(rows * n, ...)` to `(rows, n, ...)`."""
    return keras.tree.map_structure(
        lambda x: x.reshape(rows, -1, *x.shape[1:]), texts
    )
