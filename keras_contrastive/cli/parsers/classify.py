"""Write the class of each image into a .csv file.

SOURCE is a folder of images, or a table. The file has one row per image:
`image` (the path relative to SOURCE), `class` and `probability`. The
probability means little for images that belong to none of the classes. If
subfolders are classes, the command also prints the accuracy.

    keras-contrastive classify ~/photographs --model runs/classifier

A run of `train clip` or `train slip` needs no labels: the command reads the
names of the classes from a file, one on each line, and compares images with
sentences that contain the names.

    keras-contrastive classify ~/photographs --model runs/clip \\
        --classes classes.txt --templates "a photo of a {}" "one {}"
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
        "--classes",
        type=path,
        metavar="FILE",
        help="names of the classes, a text file or .json (runs of clip, slip)",
    )
    parser.add_argument(
        "--templates",
        nargs="+",
        metavar="TEXT",
        help="sentences with {} in place of the name; or the name of a set: "
        "photographs, satellite, medical, texture, general, cifar10, "
        "openai_imagenet (default: photographs)",
    )
    parser.add_argument(
        "--output",
        type=path,
        default=Path("classes.csv"),
        metavar="FILE",
        help="table to write (default: %(default)s)",
    )
    parser.set_defaults(command="classify")
