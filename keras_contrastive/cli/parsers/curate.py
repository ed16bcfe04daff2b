"""Find duplicates, outliers, typical images and wrong labels.

SOURCE is a folder of images, or a table. The command embeds it, and writes into
RUN/curation:

    curation.csv      one row per image, with its scores
    duplicates.png    the most similar pairs
    outliers.png      images that resemble no other image
    typical.png       images to label first, one per cluster
    diverse.png       images that cover all others
    label_errors.png  images whose neighbors have another class, if subfolders
                      are classes or --label-column names a column

These are suggestions for you to check. How good they are depends on the model.

    keras-contrastive curate ~/photographs --model runs/simclr
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_model
from keras_contrastive.cli.parsers.arguments import integer
from keras_contrastive.cli.parsers.arguments import path
from keras_contrastive.cli.parsers.source import add_source


def add_parser(commands):
    parser = add_command(commands, "curate", __doc__)
    add_source(parser, labels="which are compared with those of the neighbors")
    add_model(parser, "runs/simclr")
    parser.add_argument(
        "--output",
        type=path,
        metavar="FOLDER",
        help="folder to write into (default: RUN/curation)",
    )
    parser.add_argument(
        "--show",
        type=integer(1, 200),
        default=32,
        metavar="N",
        help="images on each sheet, and number of typical and of diverse "
        "images (default: %(default)s)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace an earlier curation in this folder",
    )
    parser.set_defaults(command="curate")
