"""`embed`: writes the embeddings of images."""

from pathlib import Path

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embed_parts import check_folder
from keras_contrastive.cli.embed_parts import embed_parts
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name
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
        embed_parts(args, folder, run_folder, settings, found)
        return
    output = args.output or Path("embeddings.npz")
    check_writable(output, "--output")
    check_replaceable(output)
    found = find_images(args, settings, channels)
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
