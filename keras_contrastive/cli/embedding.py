"""Embeds the images of a folder or table, chunk by chunk."""

import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.images import load_images

CHUNK = 8192  # images in memory at a time
# Limits of a batch: on PyTorch, Keras keeps the activations of all layers until
# the forward pass ends, 90 MB per image for ResNet-50 at 224 pixels.
BATCH = 128
LEAST_BATCH = 32
BATCH_PIXELS = 128 * 112**2


class Vectors(NamedTuple):
    """The vectors of the images that can be read.

    Attributes:
        rows: Array, shape `(n, dim)`.
        places: Int array, shape `(n,)`, the index of each image in the records.
        names: List of n strings.
    """

    rows: np.ndarray
    places: np.ndarray
    names: list[str]


def embed_records(
    model: Any,
    records: Sequence,
    image_size: int,
    channels: Channels,
    verbose: bool = True,
) -> Vectors:
    """Reads and embeds images.

    Args:
        model: Model of a run.
        records: Sequence of paths, or `ImageRecords`.
        image_size: Int, height and width to read the images in, in pixels.
        channels: Channels of the images.
        verbose: Whether to show the progress.

    Raises:
        ValueError: If no image can be read.
    """
    # Logs and pipes need no progress bar, which moves the cursor.
    verbose_bar = int(verbose and sys.stdout.isatty())
    parts, places, names = [], [], []
    unreadable = None
    several = len(records) > CHUNK
    for start in range(0, len(records), CHUNK):
        try:
            loaded = load_images(
                records[start : start + CHUNK],
                image_size,
                channels,
                verbose=bool(verbose_bar),
            )
        except ValueError as error:
            unreadable = error  # no image of this chunk can be read
            continue
        bar = 0 if several else verbose_bar
        parts.append(embed_images(model, loaded.images, bar))
        places.append(start + np.array(loaded.places))
        names += loaded.names
        if several and verbose:
            done = min(start + CHUNK, len(records))
            print(f"{done:,} of {len(records):,} images", flush=True)
    if unreadable is not None and not parts:
        raise unreadable
    return Vectors(np.concatenate(parts), np.concatenate(places), names)


def embed_images(
    model: Any, images: np.ndarray, verbose: int | str = "auto"
) -> np.ndarray:
    """Embeds images with the model of any run, one row per image."""
    fitting = BATCH_PIXELS // (images.shape[1] * images.shape[2])
    batch_size = min(BATCH, max(LEAST_BATCH, fitting))
    if hasattr(model, "encode_image"):
        outputs = model.predict({"images": images}, batch_size, verbose)
        return outputs["image_embeddings"]
    return model.predict(images, batch_size, verbose)


def embed_texts(
    model: Any, tokenizer: Callable, texts: Sequence[str]
) -> np.ndarray:
    """Embeds sentences with an image-text model, one row per sentence."""
    return model.predict({"texts": tokenizer(texts)}, verbose=0)[
        "text_embeddings"
    ]
