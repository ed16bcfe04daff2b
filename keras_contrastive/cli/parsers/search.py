"""Find images by a sentence.

Prints the images most similar to each sentence with their cosine similarity,
and draws them in search.png; more than 15 images continue in search-2.png and
so on. The model must come from `train clip` or `train slip`. SOURCE is a folder
of images, or a table. It may hold other images than the training data.

    keras-contrastive search ~/photographs "a dog in the snow"
"""

import argparse
import re
from pathlib import Path

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_model
from keras_contrastive.cli.parsers.arguments import integer
from keras_contrastive.cli.parsers.arguments import path
from keras_contrastive.cli.parsers.source import add_source


def add_parser(commands):
    parser = add_command(commands, "search", __doc__)
    add_source(parser)
    parser.add_argument(
        "sentences", nargs="+", type=sentence_with_words, metavar="SENTENCE"
    )
    add_model(parser, "runs/clip")
    parser.add_argument(
        "-k",
        type=integer(1),
        default=5,
        metavar="N",
        help="images to show for each sentence (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=path,
        default=Path("search.png"),
        metavar="FILE",
        help="picture with the images found (default: %(default)s)",
    )
    parser.set_defaults(command="search")


def sentence_with_words(text):
    """The type of an argument that has a letter or a digit."""
    if not re.search(r"\w", text):
        raise argparse.ArgumentTypeError(
            f"must have a word. Received: {text!r}"
        )
    return text
