"""The same images from a folder, a table, Parquet and archives.

    python benchmarks/data_sources.py FOLDER

Reads the JPEG files of a folder from wherever `kc.datasets` reads them, each
once a round, in turn. Images per second are those of the clock; images per
second of processor time do not depend on what else the machine does. Writes a
table into `benchmarks/results/`, and the other forms of the images into
`build/data_sources/`.
"""

import argparse
import csv
import itertools
import os
import platform
import statistics
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np

import keras_contrastive as kc
from keras_contrastive.datasets.tables import parquet_table

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", type=Path)
parser.add_argument("--image-size", default=64, type=int)
parser.add_argument("--batch-size", default=128, type=int)
parser.add_argument("--rounds", default=5, type=int)

OUTPUT = ROOT / "build" / "data_sources"
RESULT = ROOT / "benchmarks" / "results" / "data_sources.md"


def write_forms(paths):
    """The images as a table of paths, Parquet and archives."""
    import pyarrow as pa
    from pyarrow import parquet

    if (OUTPUT / "complete").exists():
        return
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image",), *([path] for path in paths)])
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = pa.table({"image": images})
    parquet.write_table(table, OUTPUT / "100.parquet", row_group_size=100)
    parquet.write_table(table, OUTPUT / "1000.parquet", row_group_size=1000)
    for shard in range(4):
        with tarfile.open(OUTPUT / f"{shard}.tar", "w") as archive:
            for path in paths[shard::4]:
                archive.add(
                    path, path.name.replace(".", "_", path.name.count(".") - 1)
                )
    (OUTPUT / "complete").touch()


def sources(paths, batch_size, image_size):
    """Functions that make the data sets, by name."""
    size = (batch_size, image_size)

    def records(source, kept_bytes=parquet_table.CACHE_BYTES):
        default = parquet_table.CACHE_BYTES
        parquet_table.CACHE_BYTES = kept_bytes
        try:
            found = kc.datasets.image_records(source)
        finally:
            parquet_table.CACHE_BYTES = default
        return kc.datasets.ImageDataset(found, *size)

    def hugging_face():
        import datasets

        images = datasets.Dataset.from_parquet(
            str(OUTPUT / "100.parquet"), cache_dir=str(OUTPUT / "cache")
        )
        return records(images.cast_column("image", datasets.Image()))

    file_bytes = (OUTPUT / "100.parquet").stat().st_size
    return {
        "files of a folder": lambda: kc.datasets.ImageDataset(paths, *size),
        "a .csv of paths": lambda: records(OUTPUT / "table.csv"),
        "Parquet, in memory": lambda: records(OUTPUT / "100.parquet"),
        "Parquet, a quarter in memory, row groups of 100": lambda: records(
            OUTPUT / "100.parquet", file_bytes // 4
        ),
        "Parquet, a quarter in memory, row groups of 1,000": lambda: records(
            OUTPUT / "1000.parquet", file_bytes // 4
        ),
        "Hugging Face": hugging_face,
        "Parquet, `image_shards`": lambda: kc.datasets.image_shards(
            OUTPUT / "100.parquet", *size
        ),
        "archives, `image_shards`": lambda: kc.datasets.image_shards(
            OUTPUT / "*.tar", *size
        ),
    }


def speed(dataset, batches):
    """Images a second, of the clock and of the processor."""
    iterator = iter(dataset)
    next(iterator)  # waits for what starts up
    clock, processor = time.perf_counter(), time.process_time()
    count = sum(map(len, itertools.islice(iterator, batches)))
    return (
        count / (time.perf_counter() - clock),
        count / (time.process_time() - processor),
    )


def main():
    args = parser.parse_args()
    paths = kc.datasets.image_folder(args.folder).paths
    write_forms(paths)
    made = sources(paths, args.batch_size, args.image_size)
    batches = len(paths) // args.batch_size - 2
    speeds = {name: [] for name in made}
    for _ in range(args.rounds):
        for name, make in made.items():
            speeds[name].append(speed(make(), batches))
            print(name, *(f"{each:.0f}" for each in speeds[name][-1]))
    medians = {
        name: [statistics.median(each) for each in zip(*values, strict=True)]
        for name, values in speeds.items()
    }
    clock, processor = medians["files of a folder"]
    rows = [
        f"| {name} | {a:,.0f} | {a / clock:.2f} | {b:,.0f} "
        f"| {b / processor:.2f} |"
        for name, (a, b) in medians.items()
    ]
    kilobytes = np.mean([path.stat().st_size for path in paths]) / 1000
    RESULT.write_text(
        "\n".join(
            [
                "# Where images lie",
                "",
                f"{len(paths):,} JPEG files of {kilobytes:.1f} kB, decoded to "
                f"{args.image_size} pixels, in batches of {args.batch_size}; "
                f"{os.cpu_count()} cores, {platform.machine()}, beside other "
                "programs. Median of "
                f"{args.rounds} rounds in turn, each a pass over the images.",
                "",
                "| | images/s | to a folder | images/s of processor time "
                "| to a folder |",
                "|---|---|---|---|---|",
                *rows,
                "",
                "`python benchmarks/data_sources.py FOLDER "
                f"--rounds {args.rounds}`. The files were in the system's "
                "cache. The clock depends on what else the machine did.",
                "",
            ]
        )
    )


if __name__ == "__main__":
    main()
