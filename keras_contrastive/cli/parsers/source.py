"""Arguments that say where images lie: in a folder, or in a table."""

import argparse

from keras_contrastive.cli.parsers.arguments import path

IMAGE = "image"  # the columns of tables, unless they are named
CAPTION = "caption"


def add_source(
    parser: argparse.ArgumentParser,
    captions: bool = False,
    labels: str = "",
) -> None:
    """Adds the arguments that say where images lie, and what beside them.

    Args:
        parser: Parser of a command.
        captions: Whether a table has captions.
        labels: What the command does with the classes of a table, for the
            help; empty if it takes none.
    """
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
        help="column of a table with paths, or, in Parquet, with images "
        f"(default: {IMAGE})",
    )
    if captions:
        parser.add_argument(
            "--caption-column",
            action="append",
            metavar="NAME",
            help="column of a table with captions; may be repeated (default: "
            f"{CAPTION})",
        )
    if labels:
        parser.add_argument(
            "--label-column",
            metavar="NAME",
            help=f"column of a table with classes, {labels}",
        )
