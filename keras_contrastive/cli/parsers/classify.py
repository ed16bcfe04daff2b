"""The class of each image, in one .csv file.

SOURCE is a folder of images, or a table. The file has a row an image: `image`
(from SOURCE), `class` and `probability`, which is the classifier's own and says
little of images that are of none of its classes.

    keras-contrastive classify ~/photographs --model runs/classifier
"""

from pathlib import Path

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_model
from keras_contrastive.cli.parsers.arguments import path
from keras_contrastive.cli.parsers.source import add_source


def add_parser(commands):
    parser = add_command(commands, "classify", __doc__)
    add_source(parser)
    add_model(parser, "runs/classifier")
    parser.add_argument(
        "--output",
        type=path,
        default=Path("classes.csv"),
        metavar="FILE",
        help="(%(default)s)",
    )
    parser.set_defaults(command="classify")
