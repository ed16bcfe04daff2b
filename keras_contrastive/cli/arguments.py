"""Arguments that several commands share."""

import argparse
from pathlib import Path


def add_command(commands, name, module_docstring, **kwargs):
    """A parser whose help is the docstring of the command's module."""
    return commands.add_parser(
        name,
        help=module_docstring.splitlines()[0].rstrip("."),
        description=module_docstring,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **kwargs,
    )


def add_training(parser, output):
    parser.add_argument("folder", type=Path, metavar="DIR", help="of images")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(output),
        metavar="RUN",
        help="folder for the model, history and report (%(default)s)",
    )
    chosen = "by the number of images and the device"
    for name, meaning in (
        ("image-size", "pixels a side"),
        ("batch-size", "images that are contrasted"),
        ("epochs", "passes over the images"),
    ):
        parser.add_argument(
            f"--{name}", type=int, metavar="N", help=f"{meaning} ({chosen})"
        )
    parser.add_argument(
        "--encoder",
        choices=("convnet", "resnet18", "resnet50"),
        help=f"network of the images ({chosen})",
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=1e-3,
        metavar="X",
        help="peak, after a warm-up and before a cosine (%(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="(%(default)s)"
    )


def add_model(parser, default):
    parser.add_argument(
        "--model",
        type=Path,
        default=Path(default),
        metavar="RUN",
        help="folder that a train command has made (%(default)s)",
    )
