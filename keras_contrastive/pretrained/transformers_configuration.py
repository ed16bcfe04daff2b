"""`config.json` of Hugging Face's CLIP, MetaCLIP 2 and SigLIP."""

from typing import NamedTuple

from keras_contrastive.json_files import POSITIVE_INTEGER
from keras_contrastive.json_files import POSITIVE_NUMBER
from keras_contrastive.json_files import SIZE
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import section_of
from keras_contrastive.json_files import value_of
from keras_contrastive.pretrained import transformers_names
from keras_contrastive.pretrained import transformers_preprocessing
from keras_contrastive.pretrained.configuration import SIGLIP_IMAGE
from keras_contrastive.pretrained.configuration import SIGLIP_TEXT
from keras_contrastive.pretrained.configuration import Configuration
from keras_contrastive.pretrained.configuration import check_setting
from keras_contrastive.pretrained.configuration import end_at_highest_id
from keras_contrastive.pretrained.configuration import end_id_of
from keras_contrastive.pretrained.configuration import height_and_width
from keras_contrastive.pretrained.layout import Layout

FILE = "config.json"
# The library's names of activations.
ACTIVATIONS = {
    "gelu": "gelu",
    "quick_gelu": "quick_gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
}
# With this id, CLIP (but not MetaCLIP 2) is pooled at the highest id of each
# text instead, as in the library's first release.
HIGHEST_ID = 2


class Family(NamedTuple):
    """Models of the library that differ only in their sizes.

    Attributes:
        image: Dict of the defaults of `vision_config`: the library omits
            settings that equal the defaults of its classes.
        text: Dict of the defaults of `text_config`.
        processor: Name of the class that prepares images.
        layout: The `Layout` of the weights.
    """

    image: dict
    text: dict
    processor: str
    layout: Layout


def _family(activation, epsilon, heads, processor, layout, **text):
    tower = {"hidden_act": activation, "layer_norm_eps": epsilon}
    return Family(
        {
            **tower,
            "num_attention_heads": 12,
            "image_size": 224,
            "num_channels": 3,
        },
        {**tower, "num_attention_heads": heads, **text},
        processor,
        layout,
    )


_CLIP = _family(
    *("quick_gelu", 1e-5, 8, "CLIPImageProcessor", transformers_names.CLIP),
    vocab_size=49408,
    eos_token_id=49407,
)
FAMILIES = {
    "clip": _CLIP,
    "metaclip_2": _CLIP,
    "siglip": _family(
        "gelu_pytorch_tanh",
        1e-6,
        12,
        "SiglipImageProcessor",
        transformers_names.SIGLIP,
        vocab_size=32000,
    ),
}
# Types of checkpoints with one tower, whose section is the whole file.
_ONE_TOWER = {
    f"{family}_{name}_model": (family, tower)
    for family in FAMILIES
    for name, tower in (("vision", "image"), ("text", "text"))
}


def one_tower(config):
    """Family and tower of a `config.json` of one tower; `None` for others."""
    return _ONE_TOWER.get(str(config.get("model_type")))


def read(folder, tensors):
    """The `Configuration` in the files of a folder."""
    config = read_json(folder / FILE)
    if config is None:
        raise ValueError(
            "`path` must have the checkpoint's config.json beside its "
            "weights, which do not determine the number of heads. "
            f"Received: {str(folder)!r}, without"
        )
    if config.get("model_type") == "siglip2":
        raise ValueError(
            "`path` must be a checkpoint of images of one size. Received: "
            "model_type='siglip2' in config.json, SigLIP 2 of flexible sizes "
            "(NaFlex); those of one size, such as "
            "google/siglip2-base-patch16-224, have model_type='siglip'"
        )
    check_setting(
        FILE, "the model", config, {"model_type": [*FAMILIES, *_ONE_TOWER]}
    )
    name, tower = one_tower(config) or (config.get("model_type", "clip"), None)
    family = FAMILIES[name]
    layout = family.layout
    if tower is not None:
        layout = transformers_names.of_one_tower(layout, tower, tensors)
    image = text = augmenter = None
    if tower != "text":
        vision = _section(config, "vision_config", family.image, tower)
        image, augmenter = _image(folder, vision, name, family)
    if tower != "image":
        settings = _section(config, "text_config", family.text, tower)
        text = _text(settings, name)
    return Configuration(image, text, augmenter, layout)


def _image(folder, vision, name, family):
    place = f"vision_config in {FILE}"
    size = value_of(vision, "image_size", None, SIZE, place)
    height, width = height_and_width(size)
    mean, std, augmenter = transformers_preprocessing.read(
        folder, (height, width), family.processor
    )
    image = {
        **_tower(vision, "vision_config"),
        **(SIGLIP_IMAGE if name == "siglip" else {}),
        "input_shape": (height, width, 3),
        "mean": mean,
        "std": std,
    }
    return image, augmenter


def _text(settings, name):
    tower = _tower(settings, "text_config")
    if name == "siglip":
        return {**tower, **SIGLIP_TEXT}
    place = f"text_config in {FILE}"
    vocabulary_size = value_of(
        settings, "vocab_size", None, POSITIVE_INTEGER, place
    )
    end_id = end_id_of(settings, "eos_token_id", None, vocabulary_size, place)
    if end_id == HIGHEST_ID and name == "clip":
        end_id = end_at_highest_id(vocabulary_size)
    return {**tower, "end_id": end_id}


def _section(config, name, defaults, tower):
    if tower is not None:
        section = config
    else:
        section = section_of(config, name, FILE)
    old = f"{name}_dict"
    # Files of early releases hold a second section. The library completes it
    # with the defaults, and the result overrides the first section.
    if config.get(old) is not None:
        section = {**section, **defaults, **section_of(config, old, FILE)}
    section = {**defaults, **section}
    check_setting(
        FILE,
        name,
        section,
        {
            "hidden_act": list(ACTIVATIONS),
            "num_channels": [3],
            "vision_use_head": [True],
        },
    )
    return section


def _tower(section, name):
    def value(setting, kind):
        return value_of(section, setting, None, kind, f"{name} in {FILE}")

    return {
        "num_heads": value("num_attention_heads", POSITIVE_INTEGER),
        "activation": ACTIVATIONS[section["hidden_act"]],
        "layer_norm_epsilon": value("layer_norm_eps", POSITIVE_NUMBER),
    }
