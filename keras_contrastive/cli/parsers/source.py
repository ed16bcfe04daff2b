"""Arguments that locate images in a folder or a table."""

import argparse

from keras_contrastive.cli.parsers.arguments import path

IMAGE = "image"  # default names of columns in tables
CAPTION = "caption"


def add_source(
    parser: argparse.ArgumentParser,
    captions: bool = False,
    labels: str = "",
) -> None:
    """Adds the arguments that locate images, captions and labels.

    Args:
        parser: Parser of a command.
        captions: Whether the command reads captions.
        labels: Help text on how the command uses the classes of a table;
            empty if it reads no classes.
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
