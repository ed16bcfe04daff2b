"""The channel options of a run: which channels to read, and their range."""

import argparse
from typing import Any
from typing import NamedTuple

from keras_contrastive.datasets.files.channel_selection import count_channels
from keras_contrastive.datasets.files.pixel_reader import reads_rgb

OPTIONS = ("channels", "rgb_channels", "value_range")


class Channels(NamedTuple):
    """The channel options of the command line, which `run.json` stores.

    Attributes:
        channels: Int, the number of channels; or list of the indices of the
            channels to read.
        rgb_channels: List of the indices of red, green and blue among the
            channels that are read, or `None`.
        value_range: List of two floats, the values that are mapped to 0 and 1,
            or `None` for uint8 images.
    """

    channels: int | list[int] = 3
    rgb_channels: list[int] | None = None
    value_range: list[float] | None = None

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Channels":
        """The options in a run's settings, or in a dict like them."""
        given = {name: settings.get(name) for name in OPTIONS}
        return cls(**{n: v for n, v in given.items() if v is not None})

    @classmethod
    def of_arguments(cls, args: argparse.Namespace) -> "Channels":
        """The options in parsed arguments, checked."""
        channels = cls.of(vars(args))
        channels.check()
        return channels

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
                "--rgb-channels requires --channels or --value-range: without "
                "them, all images are converted to RGB."
            )

    def settings(self) -> dict[str, Any]:
        """The options that differ from the defaults, for `run.json`."""
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
        """Whether all images are converted to 8-bit RGB."""
        return reads_rgb(self.channels, self.value_range)
