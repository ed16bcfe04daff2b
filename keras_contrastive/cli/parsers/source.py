"""Arguments that say where images lie: in a folder, or in a table."""

import argparse

from keras_contrastive.cli.parsers.arguments import path

IMAGE = "image"  # the columns of tables, unless they are named
CAPTION = "caption"


def add_source(
    parser: argparse.ArgumentParser,
    captions: bool = False,
    labels: bool = False,
) -> None:
    """Adds the arguments that say where images lie, and what beside them."""
    parser.add_argument(
        "source",
        type=path,
        metavar="SOURCE",
        help="folder of images; or a table, .csv, .tsv, .jsonl or .parquet, or "
        "a folder of .parquet",
    )
    parser.add_argument(
        "--image-column",
        metavar="NAME",
        help=f"of a table: paths, or images in Parquet ({IMAGE})",
    )
    if captions:
        parser.add_argument(
            "--caption-column",
            action="append",
            metavar="NAME",
            help=f"of a table; may be repeated ({CAPTION})",
        )
    if labels:
        parser.add_argument(
            "--label-column",
            metavar="NAME",
            help="of a table: classes, which training does not see",
        )
