"""Images without captions, streamed from archives or Parquet files."""

import os
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.shards.open_stream import open_shards
from keras_contrastive.datasets.shards.stream_batches import StreamBatches


def image_shards(
    urls: str | os.PathLike | Sequence,
    batch_size: int,
    image_size: int | tuple[int, int],
    *,
    shuffle_buffer: int = 1000,
    seed: int = 0,
    image_key: str | None = None,
    num_examples: int | None = None,
    num_hosts: int | None = None,
    host_index: int | None = None,
    workers: int | None = None,
    max_queue_size: int = 2,
    max_bad_fraction: float = 0.01,
    channels: int | Sequence[int] = 3,
    value_range: Any = None,
) -> StreamBatches:
    """Batches for `SimCLRModel.fit` from shards: data sets of any size.

    Reads `.tar` archives or Parquet files like `image_text_shards`, but without
    captions. The order, the hosts and the counting of bad examples are the
    same. Each batch is a uint8 array of shape `(batch_size, height, width, 3)`,
    unless `channels` and `value_range` specify otherwise.

    Args:
        urls: Paths, patterns, folders or URLs, see `image_text_shards`.
        batch_size: Int, number of images per batch and host.
        image_size: Int or `(height, width)`, in pixels.
        shuffle_buffer: Int, number of undecoded images from which the next one
            is drawn. 0 keeps the order of shards and images.
        seed: Int, not negative.
        image_key: Suffix of the images in archives, or their column in Parquet
            files, see `image_text_shards`.
        num_examples: Int, number of images in all shards. Required for URLs.
        num_hosts: Int, number of processes that share the shards.
        host_index: Int, index of this process.
        workers: Int, number of threads that decode. Defaults to the number of
            cores, or to the thread that reads for images so small that threads
            would wait for each other.
        max_queue_size: Int, at least 1, number of batches prepared ahead.
        max_bad_fraction: Float, the largest fraction of bad images.
        channels: Int or sequence of ints, see `ImageDataset`.
        value_range: Pair, see `ImageDataset`.

    Returns:
        A `keras.utils.PyDataset`, see `image_text_shards`.

    Raises:
        ValueError: As `image_text_shards`.
        ImportError: If `webdataset`, pyarrow or Pillow is required but not
            installed.

    Example:

    ```python
    import keras
    import keras_contrastive as kc
    import webdataset

    with webdataset.TarWriter("pictures-00.tar") as writer:
        for number, image in enumerate(kc.datasets.shapes(16, 24).images):
            image = keras.utils.array_to_img(image)
            writer.write({"__key__": str(number), "png": image})

    shards = kc.datasets.image_shards("pictures-*.tar", 8, image_size=24)
    assert [batch.shape for batch in shards] == [(8, 24, 24, 3)] * 2
    ```
    """
    return open_shards(
        urls,
        None,
        image_key,
        None,
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
