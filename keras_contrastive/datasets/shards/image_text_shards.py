"""Images with captions, streamed from tar archives."""

import os
from collections.abc import Callable
from collections.abc import Sequence

import keras

from keras_contrastive import distribution
from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.image_files import check_image_size
from keras_contrastive.datasets.shards.shard_batches import ShardBatches
from keras_contrastive.datasets.shards.shard_files import count_examples
from keras_contrastive.datasets.shards.shard_files import expand_urls
from keras_contrastive.datasets.shards.shard_reader import ShardReader
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_rate


def image_text_shards(
    urls: str | os.PathLike | Sequence,
    tokenizer: Callable,
    batch_size: int,
    image_size: int | tuple[int, int],
    shuffle_buffer: int = 1000,
    seed: int = 0,
    caption_key: str | None = None,
    num_examples: int | None = None,
    num_hosts: int | None = None,
    host_index: int | None = None,
    workers: int | None = None,
    max_queue_size: int = 2,
    max_bad_fraction: float = 0.01,
) -> ShardBatches:
    """Batches for `CLIPModel.fit` from shards: data sets of any size.

    Shards are `.tar` archives in the layout of
    [webdataset](https://github.com/webdataset/webdataset), which img2dataset
    writes too: an image `key.jpg`, `.png` or `.webp` is followed by its
    caption, `key.txt` or a field of `key.json`. A key has no dot. If the field
    is a list of captions, one is drawn in each epoch. img2dataset writes both
    files; with `caption_key`, the field of the `.json` replaces the `.txt`.

    Shards are read sequentially, which suits disks and networks. For shuffling,
    each epoch has its own order of shards, and each example is drawn from a
    buffer. Threads decode, resize and prepare batches while the model trains.
    The same arguments give the same epochs, and `fit(shards, shuffle=False)`
    trains on exactly these. With `shuffle=True`, Keras asks for batches in
    random order but receives the next one each time, and a few batches that it
    only inspects are not trained on.

    Batches are those of `ImageTextDataset`, and always full:

    - `"images"`: uint8, shape `(batch_size, height, width, 3)`, short side
      resized with antialiasing, and the center cropped;
    - `"texts"`: what `tokenizer` returns, an array or a dict of arrays;
    - `"image_ids"`: int32, shape `(batch_size,)`, computed from the position of
      the shard in the list and of the example in the shard: equal in each epoch
      and on each host, different for different examples. (Shards with more than
      2³¹ / number of shards examples reuse ids of the next shard.)

    **Damage.** An image that cannot be decoded, a caption that is missing or
    empty, malformed JSON and the rest of a damaged archive are left out, named
    once in a warning and listed in `bad_examples`. Other examples replace them
    in the epoch.

    **Steps.** `len(shards)` is the number of batches in an epoch, `num_examples
    // (batch_size * num_hosts)`, which `fit` uses. `num_examples` defaults to
    the sum over a file `sizes.json` beside the shards (`{"00000.tar": 10000,
    ...}`). Without that file, the headers of the archives are read once, at
    several thousand examples per second.

    **Hosts.** Each host reads its own shards and takes the same number of
    steps. By default hosts are the processes of `torchrun` or of
    `jax.distributed`. With TensorFlow each process reads everything, and
    `tf.distribute` divides the batches.

    Needs `pip install "keras_contrastive[shards]"`: `webdataset` and Pillow.

    Args:
        urls: Path, or list of paths, with `{00000..00099}` and wildcards.
            URLs that `webdataset` opens (`https:`, `gs:`, `pipe:`, ...) may
            have braces but not wildcards, and need `num_examples`. A `pipe:`
            runs a command: do not accept it from strangers.
        tokenizer: Callable from a list of strings to an int array of shape
            `(n, context_length)`, or a dict of arrays, with the same length
            in every batch.
        batch_size: Int, number of examples per batch and host.
        image_size: Int or `(height, width)`, in pixels.
        shuffle_buffer: Int, number of undecoded examples, about a hundred
            kilobytes each, from which the next one is drawn. 0 keeps the order
            of shards and examples, for evaluation.
        seed: Int.
        caption_key: Field of the `.json` files that holds the caption, even if
            there is a `.txt`. Defaults to the `.txt` or, without one, the
            field `"caption"`.
        num_examples: Int, number of examples in all shards.
        num_hosts: Int, number of processes that share the shards.
        host_index: Int, index of this process.
        workers: Int, number of threads that decode. Defaults to the number of
            cores.
        max_queue_size: Int, at least 1, number of batches prepared ahead.
        max_bad_fraction: Float, the largest fraction of bad examples.

    Returns:
        A `keras.utils.PyDataset`. Iterating goes through one epoch. `epoch` is
        the current epoch; set it to resume another run. `bad_examples` is a
        dict from the names of bad examples to what is wrong.

    Raises:
        ValueError: If an argument is invalid, no file matches `urls`, there are
            fewer examples than a batch or fewer shards than hosts; while
            reading, if more than `max_bad_fraction` of the examples are bad, or
            `tokenizer` returns something else.
        ImportError: If `webdataset` or Pillow is not installed.

    Example:

    ```python
    import keras
    import keras_contrastive as kc
    import webdataset

    scenes = kc.datasets.shapes(16, image_size=24)
    with webdataset.TarWriter("shapes-00.tar") as writer:
        for number, (image, text) in enumerate(
            zip(scenes.images, scenes.captions)
        ):
            image = keras.utils.array_to_img(image)
            writer.write({"__key__": str(number), "png": image, "txt": text})

    tokenizer = kc.text.train_tokenizer(scenes.captions, context_length=16)
    shards = kc.datasets.image_text_shards(
        "shapes-*.tar", tokenizer, batch_size=8, image_size=24
    )
    assert len(shards) == 2
    for batch in shards:
        assert batch["images"].shape == (8, 24, 24, 3)
        assert batch["texts"].shape == (8, 16)
    ```
    """
    if not callable(tokenizer):
        raise ValueError(
            "`tokenizer` must be callable on a list of strings. "
            f"Received: {tokenizer!r}"
        )
    if caption_key is not None and not isinstance(caption_key, str):
        raise ValueError(
            "`caption_key` must be the name of a field, or None. "
            f"Received: caption_key={caption_key!r}"
        )
    batch_size = check_int("batch_size", batch_size, 1)
    check_rate("max_bad_fraction", max_bad_fraction)
    shards = expand_urls(urls)
    num_hosts, host_index = _hosts(num_hosts, host_index, len(shards))
    if num_examples is None:
        num_examples = count_examples(shards)
    num_examples = check_int("num_examples", num_examples, 0)
    num_batches = num_examples // (batch_size * num_hosts)
    if not num_batches:
        raise ValueError(
            f"`batch_size` must be at most {num_examples // num_hosts}, as "
            f"there are {num_examples} examples for {num_hosts} hosts in "
            f"{len(shards)} shards. Received: {batch_size}"
        )
    workers = os.cpu_count() if workers is None else workers
    bad_records = BadRecords(
        "examples cannot be read", num_examples, max_bad_fraction
    )
    reader = ShardReader(
        shards,
        image_size=check_image_size(image_size),
        caption_key=caption_key,
        shuffle_buffer=check_int("shuffle_buffer", shuffle_buffer, 0),
        seed=seed,
        num_hosts=num_hosts,
        host_index=host_index,
        workers=check_int("workers", workers, 1),
        bad_records=bad_records,
    )
    max_queue_size = check_int("max_queue_size", max_queue_size, 1)
    return ShardBatches(
        reader, tokenizer, batch_size, num_batches, max_queue_size
    )


def _hosts(num_hosts, host_index, num_shards):
    if (num_hosts is None) != (host_index is None):
        raise ValueError(
            "`num_hosts` and `host_index` must be given together. Received: "
            f"num_hosts={num_hosts}, host_index={host_index}"
        )
    if num_hosts is None:
        num_hosts, host_index = _this_host()
    if not 0 <= host_index < num_hosts <= num_shards:
        raise ValueError(
            "`host_index` must be less than `num_hosts`, and that at most the "
            f"number of shards, {num_shards}. Received: "
            f"num_hosts={num_hosts}, host_index={host_index}"
        )
    return num_hosts, host_index


def _this_host():
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.process_count(), jax.process_index()
    if backend == "torch":
        return distribution.num_replicas(), distribution.replica_index()
    return 1, 0
