"""Settings from a checkpoint's `.json` files that its weights do not hold."""

from collections.abc import Callable
from typing import NamedTuple

from keras import Model

from keras_contrastive.encoders.vision_transformer import VisionTransformer
from keras_contrastive.json_files import TOKEN_ID
from keras_contrastive.json_files import value_of
from keras_contrastive.pretrained.layout import Layout

# The values in CLIP's code, and the defaults of open_clip and transformers.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
# The mean and std of SigLIP in transformers.
HALF = (0.5, 0.5, 0.5)
# CLIP's own vocabulary, whose highest id is the end token.
VOCABULARY_SIZE = 49408


class Configuration(NamedTuple):
    """Arguments of the parts of a `CLIPModel`, except the sizes of weights.

    Attributes:
        image: Dict of arguments of `image_class`, or `None` if there is no
            image tower.
        text: Dict of arguments of `TextTransformer`, or `None`. Empty if
            `make_text` makes the encoder.
        augmenter: Dict of arguments of `RandomResizedCrop`, or `None`.
        layout: The `Layout` of the weights.
        image_class: The class of the image encoder. `image` holds all of its
            arguments, unless it is `VisionTransformer`.
        make_text: Function of the weights by our names that returns the text
            encoder, or `None` if it is a `TextTransformer`.
    """

    image: dict | None
    text: dict | None
    augmenter: dict | None
    layout: Layout
    image_class: type = VisionTransformer
    make_text: Callable[[dict], Model] | None = None


# Arguments of the two encoders of SigLIP.
SIGLIP_IMAGE = {
    "pooling": "attention",
    "patch_bias": True,
    "initial_norm": False,
}
SIGLIP_TEXT = {"causal": False, "pooling": "last", "end_id": None}


def height_and_width(size):
    """Converts an int, a pair or a dict of `height` and `width` to a pair."""
    if isinstance(size, dict):
        size = size["height"], size["width"]
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


def end_at_highest_id(vocabulary_size):
    """The `end_id` of a text encoder that pools at the highest id of a text.

    In CLIP's own vocabulary, this is the end token. If tokens were added, the
    highest id depends on the text, and the result is `None`.
    """
    known = vocabulary_size == VOCABULARY_SIZE
    return vocabulary_size - 1 if known else None


def end_id_of(settings, name, default, vocabulary_size, place):
    """The end token id given in a file."""
    end_id = value_of(settings, name, default, TOKEN_ID, place)
    if end_id >= vocabulary_size:
        raise ValueError(
            f"`{name}` of {place} must be an id of the vocabulary, below "
            f"vocab_size={vocabulary_size}. Received: {name}={end_id}"
        )
    return end_id


def check_setting(file, section, settings, expected):
    """Raises for settings of a file that define a different model.

    Args:
        file: Name of the file.
        section: The section of the file with the settings.
        settings: Dict of the settings.
        expected: Dict from names to allowed values. If a setting is not in the
            file, the library uses its default, which is allowed.
    """
    for name, values in expected.items():
        if name in settings and settings[name] not in values:
            possible = f"one of {values}" if values else "unset"
            raise ValueError(
                f"`{name}` of {section} in {file} must be {possible}, since "
                "our encoders represent no other models. Received: "
                f"{name}={settings[name]!r}"
            )
