"""What a checkpoint's weights do not say, and its `.json` files do."""

from typing import NamedTuple

# Those of CLIP's code, and the defaults of both peers.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class Configuration(NamedTuple):
    """Arguments of the parts of a `CLIPModel` beside the sizes of weights.

    Attributes:
        image: Dict of those of `VisionTransformer`.
        text: Dict of those of `TextTransformer`.
        augmenter: Dict of those of `RandomResizedCrop`.
    """

    image: dict
    text: dict
    augmenter: dict


def height_and_width(size):
    """An int, a pair or a dict of `height` and `width` as a pair of ints."""
    if isinstance(size, dict):
        size = size["height"], size["width"]
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def check_setting(file, section, settings, expected):
    """Raises for settings of a file with which the model was another one.

    Args:
        file: Name of the file.
        section: Where in it the settings are.
        settings: Dict of them.
        expected: Dict of the values that are possible, by name. A setting that
            is not in the file is the library's default, and possible.
    """
    for name, values in expected.items():
        if name in settings and settings[name] not in values:
            possible = f"one of {values}" if values else "unset"
            raise ValueError(
                f"`{name}` of {section} in {file} must be {possible}, which "
                "is what our encoders can represent. Received: "
                f"{name}={settings[name]!r}"
            )
