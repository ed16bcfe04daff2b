"""Reads the command line and calls the command."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from keras_contrastive.cli.parsers import classify
from keras_contrastive.cli.parsers import curate
from keras_contrastive.cli.parsers import embed
from keras_contrastive.cli.parsers import report
from keras_contrastive.cli.parsers import search
from keras_contrastive.cli.parsers import serve
from keras_contrastive.cli.parsers import train_classifier
from keras_contrastive.cli.parsers import train_clip
from keras_contrastive.cli.parsers import train_images
from keras_contrastive.cli.warning_summary import summarized_warnings
from keras_contrastive.command import program
from keras_contrastive.command_backend import choose_backend
from keras_contrastive.command_backend import leave_out_tensorflow
from keras_contrastive.version import __version__

DESCRIPTION = """\
Contrastive learning on images in a folder or a table.

  1. train simclr SOURCE      learn a vector for each image, without labels
     train METHOD SOURCE      the same by moco, byol, simsiam, nnclr, swav, dino
     train clip SOURCE        the same for images and captions; or train slip
  2. embed SOURCE             write the vectors of images into one file
     search SOURCE "..."      find images by a sentence (after train clip)
     serve SOURCE             search in a browser, by an image or a sentence
     curate SOURCE            find duplicates, outliers and wrong labels
     report RUN               write the report of a run again
  3. train classifier SOURCE  train a classifier on few labels, on such a run
     classify SOURCE          write the class of each image

SOURCE is a folder of images, a table of paths (.csv, .tsv, .jsonl, .parquet),
or Parquet with the images themselves. RUN is the folder that a train command
has written, such as runs/simclr.
"""
EPILOG = f"""\
Choose the backend: KERAS_BACKEND=torch {program()} ...
Arguments of a command: {program()} train simclr --help
"""
INTERRUPTED = 130  # the exit status that shells expect
DEBUG_HINT = "(--debug shows the traceback.)"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command.

    Args:
        arguments: list of strings. Defaults to the process' arguments.
    """
    replace_closed_streams()
    args = build_parser().parse_args(arguments)
    if "keras" not in sys.modules:
        choose_backend()
        leave_out_tensorflow()
    if hasattr(sys.stdout, "reconfigure"):
        # The terminal may be unable to show a file name.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with summarized_warnings():
            module = f"keras_contrastive.cli.{args.command}"
            importlib.import_module(module).run(args)
    # Errors that the user can fix need no traceback.
    except (ValueError, OSError, ImportError, MemoryError) as error:
        if args.debug:
            raise
        notes = getattr(error, "__notes__", [])
        lines = [f"error: {error}", *notes, DEBUG_HINT]
        raise SystemExit("\n".join(lines)) from error
    except KeyboardInterrupt as error:
        if args.debug:
            raise
        notes = getattr(error, "__notes__", ["Stopped."])
        print("", *notes, sep="\n", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from error


def replace_closed_streams() -> None:
    """Discards the output that has no file, as in `embed ... >&-`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program(),
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"keras_contrastive {__version__}",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    train = commands.add_parser("train", help="Train a model")
    models = train.add_subparsers(metavar="MODEL", required=True)
    train_images.add_parsers(models)
    train_clip.add_parsers(models)
    train_classifier.add_parser(models)
    for command in (embed, search, serve, curate, classify, report):
        command.add_parser(commands)
    return parser
