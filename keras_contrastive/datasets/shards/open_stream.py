"""Opens a source of examples and makes batches from it."""

import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.pixel_reader import PixelReader
from keras_contrastive.datasets.shards.example_source import ExampleSource
from keras_contrastive.datasets.shards.hosts import check_hosts
from keras_contrastive.datasets.shards.parquet_source import ParquetSource
from keras_contrastive.datasets.shards.shard_files import archive_error
from keras_contrastive.datasets.shards.shard_files import are_parquet
from keras_contrastive.datasets.shards.shard_files import count_examples
from keras_contrastive.datasets.shards.shard_files import expand_urls
from keras_contrastive.datasets.shards.stream_batches import StreamBatches
from keras_contrastive.datasets.shards.stream_reader import StreamReader
from keras_contrastive.datasets.shards.tar_source import TarSource
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_rate


def open_shards(
    urls: str | os.PathLike | Sequence,
    tokenizer: Callable | None,
    image_key: str | None,
    caption_key: str | Sequence[str] | None,
    num_examples: int | None,
    num_hosts: int | None,
    host_index: int | None,
    **options: Any,
) -> StreamBatches:
    """Opens archives or Parquet files, see `image_text_shards`.

    Without a tokenizer, captions are not read.
    """
    if image_key is not None and not isinstance(image_key, str):
        raise ValueError(
            "`image_key` must be a name, or None. "
            f"Received: image_key={image_key!r}"
        )
    caption_keys = _check_caption_key(caption_key)
    shards = expand_urls(urls)
    if are_parquet(shards):
        keys = [] if tokenizer is None else caption_keys
        table = ParquetSource(shards, image_key, keys)
        source: ExampleSource = table
        count = table.count
    else:
        archives = TarSource(shards, image_key, caption_keys)
        source = archives

        def count():
            return count_examples(shards, archives.suffixes)

    hosts = check_hosts(
        num_hosts, host_index, len(source.parts), source.name_of_parts
    )
    if num_examples is None:
        num_examples = count()
        if not num_examples:
            reason = "" if are_parquet(shards) else archive_error(shards[0])
            raise ValueError(
                "`urls` must be shards with images. Received: no images in "
                f"{shards[0]!r}" + f" ({reason})" * bool(reason)
            )
    return open_stream(source, tokenizer, num_examples, hosts, hosts, **options)


def open_stream(
    source: ExampleSource,
    tokenizer: Callable | None,
    num_examples: int,
    hosts: tuple[int, int],
    hosts_of_parts: tuple[int, int],
    batch_size: int,
    image_size: int | tuple[int, int],
    shuffle_buffer: int,
    seed: int,
    workers: int | None,
    max_queue_size: int,
    max_bad_fraction: float,
    channels: int | Sequence[int],
    value_range: Any,
) -> StreamBatches:
    """Makes batches from a source.

    Args:
        source: The source.
        tokenizer: Callable on a list of strings, `None` without captions.
        num_examples: Int, number of examples of all hosts in an epoch.
        hosts: Number of hosts and index of this one.
        hosts_of_parts: Number of hosts and index of this one for the division
            of parts; `(1, 0)` if the source divides its examples itself.
        batch_size, image_size, shuffle_buffer, seed, workers, max_queue_size,
            max_bad_fraction, channels, value_range: See `image_shards`.
    """
    batch_size = check_int("batch_size", batch_size, 1)
    max_bad_fraction = check_rate("max_bad_fraction", max_bad_fraction)
    num_examples = check_int("num_examples", num_examples, 0)
    num_hosts, _ = hosts
    num_batches = num_examples // (batch_size * num_hosts)
    if not num_batches:
        raise ValueError(
            f"`batch_size` must be at most {num_examples // num_hosts}, as "
            f"there are {num_examples} examples for {num_hosts} hosts. "
            f"Received: {batch_size}"
        )
    if workers is not None:
        workers = check_int("workers", workers, 1)
    reader = StreamReader(
        source,
        PixelReader(image_size, channels, value_range),
        with_captions=tokenizer is not None,
        shuffle_buffer=check_int("shuffle_buffer", shuffle_buffer, 0),
        seed=check_int("seed", seed, 0),
        num_hosts=hosts_of_parts[0],
        host_index=hosts_of_parts[1],
        workers=workers,
        bad_records=BadRecords(
            "examples cannot be read", num_examples, max_bad_fraction
        ),
    )
    max_queue_size = check_int("max_queue_size", max_queue_size, 1)
    return StreamBatches(
        reader, tokenizer, batch_size, num_batches, max_queue_size
    )


def check_tokenizer(tokenizer: Callable) -> None:
    """Raises if the tokenizer is not callable."""
    if not callable(tokenizer):
        raise ValueError(
            "`tokenizer` must be callable on a list of strings. "
            f"Received: {tokenizer!r}"
        )


def _check_caption_key(key):
    """Returns a list of names or `None`, or raises."""
    if key is None:
        return None
    keys = [key] if isinstance(key, str) else key
    valid = isinstance(keys, list | tuple) and keys
    if not valid or not all(isinstance(each, str) for each in keys):
        raise ValueError(
            "`caption_key` must be a name, a list of names, or None. "
            f"Received: caption_key={key!r}"
        )
    return list(keys)
