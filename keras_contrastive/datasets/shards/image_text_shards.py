"""Images with captions, streamed from archives or Parquet files."""

import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from keras_contrastive.datasets.shards.open_stream import check_tokenizer
from keras_contrastive.datasets.shards.open_stream import open_shards
from keras_contrastive.datasets.shards.stream_batches import StreamBatches


def image_text_shards(
    urls: str | os.PathLike | Sequence,
    tokenizer: Callable,
    batch_size: int,
    image_size: int | tuple[int, int],
    shuffle_buffer: int = 1000,
    seed: int = 0,
    caption_key: str | Sequence[str] | None = None,
    num_examples: int | None = None,
    num_hosts: int | None = None,
    host_index: int | None = None,
    workers: int | None = None,
    max_queue_size: int = 2,
    max_bad_fraction: float = 0.01,
    image_key: str | None = None,
    channels: int | Sequence[int] = 3,
    value_range: Any = None,
) -> StreamBatches:
    """Batches for `CLIPModel.fit` from shards: data sets of any size.

    Shards are `.tar` archives in the layout of
    [webdataset](https://github.com/webdataset/webdataset), which img2dataset
    also writes: an image `key.jpg`, `.png` or `.webp` is followed by its
    caption, `key.txt` or a field of `key.json`. A key has no dot. If the field
    is a list of captions, one is drawn in each epoch. img2dataset writes both
    files; with `caption_key`, the field of the `.json` replaces the `.txt`.

    Shards can also be Parquet files, from img2dataset, Hugging Face or your own
    code. Images are a column of encoded files as bytes, or of dicts of
    `"bytes"` and `"path"`. Captions are columns of strings or of lists of
    strings. Rows that img2dataset could not download are left out and counted
    in a warning.

    Shards are read sequentially, which suits disks and networks. For shuffling,
    each epoch has its own order of shards (in Parquet, of row groups), and each
    example is drawn from a buffer. Threads decode, resize and prepare batches
    while the model trains. The same arguments give the same epochs, and
    `fit(shards, shuffle=False)` trains on exactly these. With `shuffle=True`,
    Keras requests batches in random order but always receives the next one, and
    it does not train on the few batches that it only inspects.

    Batches are those of `ImageTextDataset`, and always full:

    - `"images"`: uint8, shape `(batch_size, height, width, 3)`, unless
      `channels` and `value_range` specify otherwise; short side resized with
      antialiasing, and the center cropped;
    - `"texts"`: the result of `tokenizer`, an array or a dict of arrays;
    - `"image_ids"`: int32, shape `(batch_size,)`, computed from the position of
      the shard in the list and of the example in the shard: equal in each epoch
      and on each host, different for different examples. (Shards with more than
      2³¹ / number of shards examples reuse ids of the next shard.)

    **Bad examples.** An image that cannot be decoded, a caption that is missing
    or empty, malformed JSON and the rest of a damaged archive are left out,
    named once in a warning and listed in `bad_examples`. Other examples replace
    them in the epoch.

    **Steps.** `len(shards)` is the number of batches in an epoch, `num_examples
    // (batch_size * num_hosts)`, which `fit` uses. `num_examples` defaults to
    the sum over a file `sizes.json` beside the shards (`{"00000.tar": 10000,
    ...}`). Without that file, the headers of the archives are read once, at
    several thousand examples per second. Parquet files store their numbers of
    rows.

    **Hosts.** Each host reads its own shards (in Parquet, its own row groups)
    and takes the same number of steps. By default hosts are the processes of
    `torchrun` or of `jax.distributed`. With TensorFlow each process reads
    everything, and `tf.distribute` divides the batches.

    Archives need `pip install "keras_contrastive[shards]"`, Parquet needs
    `[parquet]`.

    Args:
        urls: Path, or list of paths, with `{00000..00099}` and wildcards, or
            a folder of shards. URLs that `webdataset` opens (`https:`, `gs:`,
            `pipe:`, ...) may have braces but not wildcards, and require
            `num_examples`. A `pipe:` runs a command: do not accept it from
            untrusted input.
        tokenizer: Callable from a list of strings to an int array of shape
            `(n, context_length)`, or a dict of arrays, with the same length
            in every batch.
        batch_size: Int, number of examples per batch and host.
        image_size: Int or `(height, width)`, in pixels.
        shuffle_buffer: Int, number of undecoded examples, about a hundred
            kilobytes each, from which the next one is drawn. 0 keeps the order
            of shards and examples, for evaluation.
        seed: Int, not negative.
        caption_key: Field of the `.json` files that holds the caption, even if
            there is a `.txt`; or the column of Parquet files; or a list of
            several. Defaults to the `.txt` or, without one, the field
            `"caption"`; in Parquet to the first existing column of `"caption"`,
            `"captions"`, `"text"` and `"txt"`.
        num_examples: Int, number of examples in all shards.
        num_hosts: Int, number of processes that share the shards.
        host_index: Int, index of this process.
        workers: Int, number of threads that decode. Defaults to the number of
            cores, or to the thread that reads for images so small that threads
            would wait for each other.
        max_queue_size: Int, at least 1, number of batches prepared ahead.
        max_bad_fraction: Float, the largest fraction of bad examples.
        image_key: Suffix of the images in archives, such as `"tif"`, or their
            column in Parquet files. Defaults to `.jpg`, `.png` and `.webp`, in
            Parquet to the first existing column of `"image"`, `"jpg"`,
            `"jpeg"`, `"png"` and `"webp"`.
        channels: Int or sequence of ints, see `ImageDataset`.
        value_range: Pair, see `ImageDataset`.

    Returns:
        A `keras.utils.PyDataset`. Iterating yields one epoch. `epoch` is the
        current epoch; set it to resume a run. `bad_examples` is a dict from the
        names of bad examples to their errors.

    Raises:
        ValueError: If an argument is invalid, no file matches `urls`, there are
            fewer examples than a batch or fewer shards than hosts, or Parquet
            files lack a column; while reading, if more than `max_bad_fraction`
            of the examples are bad, or `tokenizer` returns an invalid result.
        ImportError: If `webdataset`, pyarrow or Pillow is required but not
            installed.

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
    check_tokenizer(tokenizer)
    return open_shards(
        urls,
        tokenizer,
        image_key,
        caption_key,
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
