"""Turn images into vectors, in one .npz or .parquet file.

SOURCE is a folder of images, or a table. The file holds `paths` (relative to
SOURCE or to the folder of the table), `embeddings` (one row per image), and, if
subfolders are classes or --label-column names a column, `labels` and
`class_names`. The rows are the representation of a SimCLR model, or the
normalized image embedding of a CLIP model. If FILE ends in .parquet, the
columns are `image`, `embedding` and `label`, the name of the class.

    keras-contrastive embed ~/photographs --output vectors.npz
    python -c 'import numpy; print(numpy.load("vectors.npz")["embeddings"])'

For many images, --shard 1/8 writes an eighth of them into a folder of Parquet
files. --shard 2/8 writes the next eighth, at the same time or later, on any
machine with access to the folder. Each command skips existing files, so
repeating an interrupted command writes only the missing ones.
"""

import argparse

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_model
from keras_contrastive.cli.parsers.arguments import path
from keras_contrastive.cli.parsers.source import add_source


def add_parser(commands):
    parser = add_command(commands, "embed", __doc__)
    add_source(parser, labels="which are written beside the vectors")
    add_model(parser, "runs/simclr")
    parser.add_argument(
        "--output",
        type=path,
        metavar="FILE",
        help="file to write (default: embeddings.npz; with --shard the folder "
        "embeddings)",
    )
    parser.add_argument(
        "--shard",
        type=shard,
        metavar="K/N",
        help="write part K of N, in a folder of Parquet files; 1/1 writes all",
    )
    parser.set_defaults(command="embed")


def shard(text):
    """The type of an argument `K/N`, two ints with 1 <= K <= N."""
    try:
        number, count = map(int, text.split("/"))
    except ValueError:
        number, count = 0, 0
    if not 1 <= number <= count:
        raise argparse.ArgumentTypeError(
            f"must be K/N, K from 1 to N. Received: {text}"
        )
    return number, count
