"""`embed`: images to vectors."""

from keras_contrastive.cli.channels import Channels
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
    check_writable(args.output, "--output")
    check_replaceable(args.output)
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    rows, places, names = embed_records(
        run_folder.load_model(), found.records, settings["image_size"], channels
    )
    labels = None if found.labels is None else found.labels[places]
    write_vectors(
        args.output,
        [relative_name(each, found.folder) for each in names],
        rows,
        labels,
        found.class_names,
    )
    print(f"{args.output}: {len(rows):,} x {rows.shape[1]}")
