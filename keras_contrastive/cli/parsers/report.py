"""Write the report of a run, plots and scores, into one .html file.

RUN is the folder of a train command, which wrote report.html when it ended.
This command writes the file again, from the images of that run in their folder
or table, and warns of missing images. The file is self-contained and can be
sent by mail.

    keras-contrastive report runs/simclr
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import path


def add_parser(commands):
    parser = add_command(commands, "report", __doc__)
    parser.add_argument(
        "run_folder",
        type=path,
        metavar="RUN",
        help="folder that a train command has written",
    )
    parser.set_defaults(command="report")
