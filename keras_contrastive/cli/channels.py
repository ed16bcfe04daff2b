"""The channels of a run's images: of which files, and as which numbers."""

import argparse
from typing import Any
from typing import NamedTuple

from keras_contrastive.datasets.files.channel_selection import count_channels
from keras_contrastive.datasets.files.pixel_reader import reads_rgb

OPTIONS = ("channels", "rgb_channels", "value_range")


class Channels(NamedTuple):
    """The arguments of the command line, which `run.json` holds, too.

    Attributes:
        channels: Int, the number of channels; or list of the indices of those
            that are read.
        rgb_channels: List of three indices among the channels that are read,
            those of red, green and blue, or `None`.
        value_range: List of two floats, the values that become 0 and 1, or
            `None` for images of uint8.
    """

    channels: int | list[int] = 3
    rgb_channels: list[int] | None = None
    value_range: list[float] | None = None

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Channels":
        """Those of a run, or of the arguments of the command line."""
        given = {name: settings.get(name) for name in OPTIONS}
        return cls(**{n: v for n, v in given.items() if v is not None})

    def check(self) -> None:
        """Raises a `ValueError` if the arguments contradict each other."""
        rgb = self.rgb_channels
        if rgb is not None and max(rgb) >= self.number:
            raise ValueError(
                f"--rgb-channels must be less than {self.number}, the number "
                "of channels that are read. Received: --rgb-channels "
                + ",".join(map(str, rgb))
            )
        if rgb is not None and self.reads_rgb:
            raise ValueError(
                "--rgb-channels is for images that are read as they are "
                "stored, with --channels or --value-range."
            )

    def settings(self) -> dict[str, Any]:
        """What the arguments add to the settings of a run."""
        return {
            name: value
            for name, value in self._asdict().items()
            if value != self._field_defaults[name]
        }

    def reading(self) -> dict[str, Any]:
        """The arguments of `ImageDataset` and `load_image_text`."""
        return {"channels": self.channels, "value_range": self.value_range}

    @property
    def number(self) -> int:
        """The number of channels that the encoder takes."""
        return count_channels(self.channels)

    @property
    def reads_rgb(self) -> bool:
        """Whether all images become RGB of 8 bits."""
        return reads_rgb(self.channels, self.value_range)


def add_channels(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of images that are not RGB of 8 bits."""
    parser.add_argument(
        "--channels",
        type=_channels,
        metavar="N",
        help="channels of each image, which is then read as it is stored; or "
        "the indices of those to read, as 3,2,1 (all images become RGB)",
    )
    parser.add_argument(
        "--rgb-channels",
        type=_three_indices,
        metavar="R,G,B",
        help="indices of red, green and blue among the channels that are read "
        "(0,1,2 of three channels, none of others)",
    )
    parser.add_argument(
        "--value-range",
        type=_range,
        metavar="LOW,HIGH",
        help="values of the pixels that become 0 and 1, as 0,10000; needed "
        "unless they are of 8 bits (--value-range=-1000,3000 for a negative "
        "LOW)",
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
