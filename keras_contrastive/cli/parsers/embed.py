"""Images to vectors, in one file, .npz or .parquet.

SOURCE is a folder of images, or a table. The file holds `paths` (from SOURCE,
or from the folder of the table), `embeddings` (one row an image), and, where
subfolders are classes or --label-column names a column, `labels` and
`class_names`. With a SimCLR model the rows are its representation, with CLIP
its normalized image embedding. If FILE ends in .parquet, the columns are
`image`, `embedding` and `label`, the name of the class.

    keras-contrastive embed ~/photographs --output vectors.npz
    python -c 'import numpy; print(numpy.load("vectors.npz")["embeddings"])'
"""

from pathlib import Path

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_model
from keras_contrastive.cli.parsers.arguments import path
from keras_contrastive.cli.parsers.source import add_source


def add_parser(commands):
    parser = add_command(commands, "embed", __doc__)
    add_source(parser, labels=True)
    add_model(parser, "runs/simclr")
    parser.add_argument(
        "--output",
        type=path,
        default=Path("embeddings.npz"),
        metavar="FILE",
        help="(%(default)s)",
    )
    parser.set_defaults(command="embed")
