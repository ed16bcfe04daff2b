"""Find copies, strange and typical images, wrong labels.

SOURCE is a folder of images, or a table. The command embeds it, and writes into
RUN/curation:

    curation.csv      one row per image, with its scores
    duplicates.png    the most similar pairs
    outliers.png      what resembles nothing else
    typical.png       images to label first, one per cluster
    diverse.png       images that cover all others
    label_errors.png  where neighbors have another class than the image, if
                      subfolders are classes or --label-column names a column

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
    add_source(parser, labels="which the neighbors of an image may contradict")
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
        help="images on each sheet; as many are chosen as typical and as "
        "diverse (default: %(default)s)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace an earlier curation in this folder",
    )
    parser.set_defaults(command="curate")
