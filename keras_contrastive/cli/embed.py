"""`embed`: writes the embeddings of images."""

from pathlib import Path

from keras_contrastive import datasets
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embed_parts import check_folder
from keras_contrastive.cli.embed_parts import embed_parts
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.output import check_outside
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import FoundImages
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name
from keras_contrastive.cli.vectors_file import ARRAYS
from keras_contrastive.cli.vectors_file import PARQUET
from keras_contrastive.cli.vectors_file import check_replaceable
from keras_contrastive.cli.vectors_file import write_vectors


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    channels = Channels.of(settings)
    if args.shard:
        folder = args.output or Path("embeddings")
        check_folder(folder)
        found = find_images(args, settings, channels)
        check_unread(args.source, folder, PARQUET, found, channels)
        embed_parts(args, folder, run_folder, settings, found)
        return
    output = args.output or Path("embeddings.npz")
    check_writable(output, "--output")
    check_replaceable(output)
    found = find_images(args, settings, channels)
    check_unread(args.source, output, output.suffix, found, channels)
    rows, places, names = embed_records(
        run_folder.load_model(), found.records, settings["image_size"], channels
    )
    labels = None if found.labels is None else found.labels[places]
    write_vectors(
        output,
        [relative_name(each, found.folder) for each in names],
        rows,
        labels,
        found.class_names,
    )
    print(f"{output}: {len(rows):,} x {rows.shape[1]}")


def check_unread(
    source: Path,
    output: Path,
    suffix: str,
    found: FoundImages,
    channels: Channels,
) -> None:
    """Raises if later commands would read the vectors as images of the source.

    Args:
        source: Path of a folder or a table.
        output: Path of the file of vectors, or of a folder of them.
        suffix: Suffix of the files.
        found: The images of the source.
        channels: Channels of the images.
    """
    if isinstance(found.records, datasets.ImageRecords):
        is_read = suffix == PARQUET
    else:
        is_read = suffix == ARRAYS and not channels.reads_rgb
    if is_read:
        check_outside(output, source, "--output")
