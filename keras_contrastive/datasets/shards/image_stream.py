"""Batches from data sets that can only be iterated."""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.shards.hosts import check_hosts
from keras_contrastive.datasets.shards.iterable_source import IterableSource
from keras_contrastive.datasets.shards.open_stream import check_tokenizer
from keras_contrastive.datasets.shards.open_stream import open_stream
from keras_contrastive.datasets.shards.stream_batches import StreamBatches
from keras_contrastive.datasets.tables.open_image_records import list_of_columns


def image_stream(
    examples: Iterable | Callable,
    batch_size: int,
    image_size: int | tuple[int, int],
    num_examples: int | None = None,
    *,
    image: Hashable = "image",
    shuffle_buffer: int = 1000,
    seed: int = 0,
    num_hosts: int | None = None,
    host_index: int | None = None,
    workers: int | None = None,
    max_queue_size: int = 2,
    max_bad_fraction: float = 0.01,
    channels: int | Sequence[int] = 3,
    value_range: Any = None,
) -> StreamBatches:
    """Batches for `SimCLRModel.fit` from data that can only be iterated.

    Examples are an `IterableDataset` of Hugging Face or PyTorch, an
    `IterDataset` of Grain, a `tf.data.Dataset` of single examples, or a
    function that returns an iterator. For data with a length and integer
    indices, prefer `image_records` and `ImageDataset`, which access examples at
    random.

    An example is a dict, a tuple (its columns are positions), or an image, in
    any form that `ImageDataset` accepts. One thread iterates, and others
    decode, resize and prepare batches while the model trains. Images of Hugging
    Face are not decoded at their full size first. To shuffle, examples are
    drawn from a buffer. If the data set has a method `set_epoch`, it is called
    with the epoch, so that the data set can change its own order.

    **Steps.** An epoch is the first `num_examples` examples: `len(dataset)` is
    `num_examples // (batch_size * num_hosts)`. If the stream has fewer
    examples, it starts again within the epoch.

    **Resuming.** A stream cannot seek. Each epoch restarts it. So a run that
    resumes at the start of an epoch sees the same examples, provided that the
    stream is repeatable. A run that resumes within an epoch reads the stream
    again up to that position.

    **Hosts.** Each host iterates the whole stream and decodes every
    `num_hosts`-th example. If the stream only yields the examples of this host,
    pass `num_hosts=1, host_index=0` and their number.

    **Bad examples** are left out, named once in a warning and listed in
    `bad_examples`. Other examples replace them in the epoch. If the iterator
    raises an error, the iteration stops with this error.

    Args:
        examples: The data set, or a function without arguments that returns an
            iterator.
        batch_size: Int, number of images per batch and host.
        image_size: Int or `(height, width)`, in pixels.
        num_examples: Int, number of examples in an epoch. Defaults to
            `len(examples)`, if it is defined.
        image: Name of the column of images, or its position in tuples.
        shuffle_buffer: Int, number of examples from which the next one is
            drawn. 0 keeps the order.
        seed: Int, not negative.
        num_hosts: Int, number of processes that share the stream.
        host_index: Int, index of this process.
        workers: Int, number of threads that decode. Defaults to the number of
            cores, or to the thread that reads for images so small that threads
            would wait for each other.
        max_queue_size: Int, at least 1, number of batches prepared ahead.
        max_bad_fraction: Float, the largest fraction of bad examples.
        channels: Int or sequence of ints, see `ImageDataset`.
        value_range: Pair, see `ImageDataset`.

    Returns:
        A `keras.utils.PyDataset`, whose batches are arrays. Iterating yields
        one epoch. `epoch` is the current epoch; set it to resume a run.
        `bad_examples` is a dict from the names of bad examples to their errors.

    Raises:
        ValueError: If an argument is invalid, the first example lacks a column,
            or `num_examples` is required; while reading, if more than
            `max_bad_fraction` of the examples are bad.

    Example:

    ```python
    import keras_contrastive as kc

    def examples():
        for seed in range(16):
            yield {"picture": kc.datasets.shapes(1, 24, seed=seed).images[0]}

    dataset = kc.datasets.image_stream(
        examples, 8, image_size=24, num_examples=16, image="picture"
    )
    assert [batch.shape for batch in dataset] == [(8, 24, 24, 3)] * 2
    ```
    """
    return _open(
        examples,
        None,
        image,
        [],
        num_examples,
        num_hosts,
        host_index,
        batch_size=batch_size,
        image_size=image_size,
        shuffle_buffer=shuffle_buffer,
        seed=seed,
        workers=workers,
        max_queue_size=max_queue_size,
        max_bad_fraction=max_bad_fraction,
        channels=channels,
        value_range=value_range,
    )


def image_text_stream(
    examples: Iterable | Callable,
    tokenizer: Callable,
    batch_size: int,
    image_size: int | tuple[int, int],
    num_examples: int | None = None,
    *,
    image: Hashable = "image",
    captions: Hashable | Sequence[Hashable] = "caption",
    shuffle_buffer: int = 1000,
    seed: int = 0,
    num_hosts: int | None = None,
    host_index: int | None = None,
    workers: int | None = None,
    max_queue_size: int = 2,
    max_bad_fraction: float = 0.01,
    channels: int | Sequence[int] = 3,
    value_range: Any = None,
) -> StreamBatches:
    """Batches for `CLIPModel.fit` from data that can only be iterated.

    `image_stream` documents the accepted data, steps, resuming, hosts and bad
    examples. Batches have the form of `image_text_shards`. If an example has
    several captions, in a list or in several columns, one is drawn in each
    epoch.

    Args:
        examples: See `image_stream`.
        tokenizer: Callable from a list of strings to an int array of shape
            `(n, context_length)`, or a dict of arrays, with the same length
            in every batch.
        batch_size: Int, number of examples per batch and host.
        image_size: Int or `(height, width)`, in pixels.
        num_examples: Int, see `image_stream`.
        image: Name of the column of images, or its position in tuples.
        captions: Name or position of the column of captions, or a list of
            several.
        shuffle_buffer, seed, num_hosts, host_index, workers, max_queue_size,
            max_bad_fraction, channels, value_range: See `image_stream`.

    Returns:
        A `keras.utils.PyDataset`, see `image_stream`. Batches are dicts of
        `"images"`, `"texts"` and `"image_ids"`, the position in the stream.

    Raises:
        ValueError: As `image_stream`, and if `tokenizer` returns an invalid
            result.

    Example:

    ```python
    import keras_contrastive as kc

    scenes = kc.datasets.shapes(16, image_size=24)
    tokenizer = kc.text.train_tokenizer(scenes.captions, context_length=16)
    dataset = kc.datasets.image_text_stream(
        lambda: zip(scenes.images, scenes.captions),
        tokenizer,
        batch_size=8,
        image_size=24,
        num_examples=16,
        image=0,
        captions=1,
    )
    assert dataset[0]["images"].shape == (8, 24, 24, 3)
    ```
    """
    check_tokenizer(tokenizer)
    return _open(
        examples,
        tokenizer,
        image,
        list_of_columns(captions),
        num_examples,
        num_hosts,
        host_index,
        batch_size=batch_size,
        image_size=image_size,
        shuffle_buffer=shuffle_buffer,
        seed=seed,
        workers=workers,
        max_queue_size=max_queue_size,
        max_bad_fraction=max_bad_fraction,
        channels=channels,
        value_range=value_range,
    )


def _open(
    examples,
    tokenizer,
    image,
    captions,
    num_examples,
    num_hosts,
    host_index,
    **options,
):
    hosts = check_hosts(num_hosts, host_index)
    source = IterableSource(examples, image, captions, *hosts)
    if num_examples is None:
        num_examples = _length(examples)
    return open_stream(
        source, tokenizer, num_examples, hosts, (1, 0), **options
    )


def _length(examples):
    try:
        return len(examples)
    except TypeError as error:  # has no length, or an unknown one
        raise ValueError(
            "`num_examples`, the length of an epoch, is required for examples "
            "without a length. Received: num_examples=None"
        ) from error
