"""Embeddings in a folder of Parquet files, written by any number of processes.

The division into parts depends only on the images, and each part is written
atomically. So processes need no coordination, and existing parts are not
computed again.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import NamedTuple

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embedding import CHUNK
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import FoundImages
from keras_contrastive.cli.sources import fingerprint
from keras_contrastive.cli.sources import relative_name
from keras_contrastive.cli.vectors_file import PARQUET
from keras_contrastive.cli.vectors_file import key_of_table
from keras_contrastive.cli.vectors_file import write_vectors
from keras_contrastive.datasets.tables.image_records import ImageRecords
from keras_contrastive.datasets.tables.parquet_table import import_parquet

IMAGES = CHUNK  # maximum number in a part


class Part(NamedTuple):
    """A file, and the range of its images, without `stop`."""

    path: Path
    start: int
    stop: int


def embed_parts(
    args: argparse.Namespace,
    folder: Path,
    run_folder: RunFolder,
    settings: dict,
    found: FoundImages,
) -> None:
    """Writes the missing parts of a shard.

    Raises:
        ValueError: If the folder holds other Parquet files, or no image of a
            part can be read.
    """
    shard, num_shards = args.shard
    key = _key(args.source, run_folder, settings, found)
    parts = divide(folder, len(found.records))
    check_parts(folder, parts, key)
    own = parts[shard - 1 :: num_shards]
    missing = [part for part in own if not part.path.exists()]
    print(
        f"Shard {shard} of {num_shards}: {len(own):,} of {len(parts):,} parts, "
        f"{len(own) - len(missing):,} already written.",
        flush=True,
    )
    model = run_folder.load_model() if missing else None
    for part in missing:
        begun = time.perf_counter()
        rows, places, names = embed_records(
            model,
            found.records[part.start : part.stop],
            settings["image_size"],
            Channels.of(settings),
            verbose=False,
        )
        labels = found.labels
        write_vectors(
            part.path,
            [relative_name(name, found.folder) for name in names],
            rows,
            None if labels is None else labels[part.start + places],
            found.class_names,
            key,
        )
        speed = (part.stop - part.start) / (time.perf_counter() - begun)
        print(
            f"{part.path}: {len(rows):,} x {rows.shape[1]}, "
            f"{speed:,.0f} images/s",
            flush=True,
        )
    there = sum(part.path.exists() for part in parts)
    print(f"{folder}: {there:,} of {len(parts):,} parts")


def check_folder(folder: Path) -> None:
    """Raises if the folder cannot hold parts, or pyarrow is missing."""
    import_parquet()
    if folder.suffix in (PARQUET, ".npz"):
        raise ValueError(
            f"With --shard, --output must be a folder. Received: {folder}"
        )
    check_writable(folder / f"part{PARQUET}", "--output")


def divide(folder: Path, num_images: int) -> list[Part]:
    """Divides images into parts whose sizes differ by at most one."""
    count = -(-num_images // IMAGES)
    bounds = [num_images * i // count for i in range(count + 1)]
    return [
        Part(
            folder / f"part-{i:05d}-of-{count:05d}{PARQUET}", *bounds[i : i + 2]
        )
        for i in range(count)
    ]


def check_parts(folder: Path, parts: list[Part], key: str) -> None:
    """Raises if the folder has Parquet files other than these parts."""
    expected = {part.path for part in parts}
    for path in sorted(folder.glob(f"*{PARQUET}")):
        if path not in expected or key_of_table(path) != key:
            raise ValueError(
                "--output must be a new folder, or one with parts of the same "
                f"images by the same model. Received: {folder}, with the other "
                f"file {path.name}"
            )


def _key(source, run_folder, settings, found):
    """A hash that identifies the images and the model."""
    digest = hashlib.sha256(run_folder.model.read_bytes())
    read = {"size": settings["image_size"], **Channels.of(settings).settings()}
    digest.update(json.dumps(read).encode())
    if isinstance(found.records, ImageRecords):
        digest.update(fingerprint(source).encode())
        digest.update(f"{len(found.records)} {found.class_names}".encode())
    else:
        for path in found.records:
            name = path.relative_to(found.folder).as_posix()
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()
