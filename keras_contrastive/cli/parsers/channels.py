"""Arguments of images that are not RGB of 8 bits."""

import argparse


def add_channels(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of images that are not RGB of 8 bits."""
    parser.add_argument(
        "--channels",
        type=_channels,
        metavar="N",
        help="number of channels of each image, which is then read as it is "
        "stored; or the indices, from 0, of the channels to read, such as "
        "3,2,1 (default: every image becomes RGB)",
    )
    parser.add_argument(
        "--rgb-channels",
        type=_three_indices,
        metavar="R,G,B",
        help="indices of red, green and blue among the channels that are read "
        "(default: 0,1,2 if three channels are read, else none)",
    )
    parser.add_argument(
        "--value-range",
        type=_range,
        metavar="LOW,HIGH",
        help="pixel values that become 0 and 1, such as 0,10000; needed "
        "unless pixels have 8 bits. Write --value-range=-1000,3000 if LOW is "
        "negative",
    )


def _channels(text):
    indices = _integers(text)
    if not indices or (len(indices) == 1 and indices[0] == 0):
        raise argparse.ArgumentTypeError(
            "must be the number of channels, or the indices of those to read, "
            f"as 3,2,1. Received: {text}"
        )
    return indices if len(indices) > 1 else indices[0]


def _three_indices(text):
    indices = _integers(text)
    if len(set(indices)) != 3 or len(indices) != 3:
        raise argparse.ArgumentTypeError(
            f"must be three different indices, as 3,2,1. Received: {text}"
        )
    return indices


def _integers(text):
    """A list of integers of 0 or more, empty if the text is none."""
    parts = [part.strip() for part in text.split(",")]
    return [int(p) for p in parts] if all(map(_is_digits, parts)) else []


def _is_digits(text):
    return text.isascii() and text.isdigit()


def _range(text):
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not float("-inf") < low < high < float("inf"):  # nor NaN
        raise argparse.ArgumentTypeError(
            f"must be two numbers, LOW < HIGH, as 0,10000. Received: {text}"
        )
    return [low, high]
