"""Arguments for images that are not 8-bit RGB."""

import argparse


def add_channels(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for images that are not 8-bit RGB."""
    parser.add_argument(
        "--channels",
        type=_channels,
        metavar="N",
        help="number of channels of each image, or the indices, from 0, of the "
        "channels to read, such as 3,2,1; colors are then not converted "
        "(default: every image is converted to RGB)",
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
        help="pixel values that are mapped to 0 and 1, such as 0,10000; "
        "required unless pixels have 8 bits. Write --value-range=-1000,3000 if "
        "LOW is negative",
    )


def _channels(text):
    indices = _integers(text)
    if not indices or (len(indices) == 1 and indices[0] == 0):
        raise argparse.ArgumentTypeError(
            "must be the number of channels, or the indices of those to read, "
            f"such as 3,2,1. Received: {text}"
        )
    return indices if len(indices) > 1 else indices[0]


def _three_indices(text):
    indices = _integers(text)
    if len(set(indices)) != 3 or len(indices) != 3:
        raise argparse.ArgumentTypeError(
            f"must be three different indices, such as 3,2,1. Received: {text}"
        )
    return indices


def _integers(text):
    """Parses a list of integers from 0; empty if the text is invalid."""
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
            "must be two numbers, LOW < HIGH, such as 0,10000. "
            f"Received: {text}"
        )
    return [low, high]
