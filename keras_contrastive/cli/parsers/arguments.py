"""Argument types, and arguments shared by several commands."""

import argparse
from collections.abc import Callable
from pathlib import Path

from keras_contrastive.cli.parsers.channels import add_channels
from keras_contrastive.command import NAME
from keras_contrastive.command import program

# Range of positive numbers in float32, the dtype of training.
SMALLEST = 1e-37
LARGEST = 1e37


def add_command(commands, name, module_docstring, **kwargs):
    """Adds a parser whose help is the docstring of the command's module."""
    example = f"\n    {NAME} "
    module_docstring = module_docstring.replace(example, f"\n    {program()} ")
    parser = commands.add_parser(
        name,
        allow_abbrev=False,
        help=module_docstring.splitlines()[0].rstrip("."),
        description=module_docstring,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **kwargs,
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    return parser


def integer(minimum: int, maximum: int | None = None) -> Callable:
    """The type of an argument that is an integer in this range."""
    expected = f"an integer of at least {minimum}"
    if maximum is not None:
        expected = f"an integer from {minimum} to {maximum}"

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if (
            number is None
            or number < minimum
            or (maximum is not None and number > maximum)
        ):
            raise argparse.ArgumentTypeError(
                f"must be {expected}. Received: {text}"
            )
        return number

    return parse


def positive_number(text: str) -> float:
    """The type of an argument that is a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not SMALLEST <= number <= LARGEST:  # nor NaN
        raise argparse.ArgumentTypeError(
            f"must be a positive number, from {SMALLEST} to {LARGEST}. "
            f"Received: {text}"
        )
    return number


def path(text: str) -> Path:
    """The type of an argument that is a path."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path. Received: ''")
    return Path(text).expanduser()


def add_run_folder(parser, default):
    parser.add_argument(
        "--output",
        dest="run_folder",
        type=path,
        default=Path(default),
        metavar="RUN",
        help="folder for the model, history and report (default: %(default)s)",
    )


def add_seed(parser):
    parser.add_argument(
        "--seed",
        type=integer(0, 2**32 - 1),
        default=0,
        metavar="N",
        help="seed of the initial weights, the order and the augmentation "
        "(default: %(default)s)",
    )


def add_force(parser):
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a finished or interrupted run in RUN",
    )


def add_training(parser, output):
    add_run_folder(parser, output)
    chosen = "default: depends on the number of images and the device"
    for name, minimum, meaning in (
        ("image-size", 4, "side of the images in pixels"),
        ("batch-size", 2, "images per training step"),
        ("epochs", 1, "passes over the images"),
    ):
        parser.add_argument(
            f"--{name}",
            type=integer(minimum),
            metavar="N",
            help=f"{meaning}, at least {minimum} ({chosen})",
        )
    parser.add_argument(
        "--encoder",
        choices=("convnet", "resnet18", "resnet50"),
        help=f"network that turns an image into a vector ({chosen})",
    )
    parser.add_argument(
        "--learning-rate",
        type=positive_number,
        default=1e-3,
        metavar="X",
        help="peak learning rate, after a warm-up and before a cosine decay to "
        "0 (default: %(default)s)",
    )
    add_seed(parser)
    add_channels(parser)
    add_force(parser)


def add_model(parser, default):
    parser.add_argument(
        "--model",
        type=path,
        default=Path(default),
        metavar="RUN",
        help="folder that a train command has written (default: %(default)s)",
    )
