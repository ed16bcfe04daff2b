"""The settings of tokenizers in the folders of checkpoints."""

from pathlib import Path
from typing import Any

from keras_contrastive.json_files import POSITIVE_INTEGER
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import section_of
from keras_contrastive.json_files import value_of
from keras_contrastive.text.caption_tokenizer import import_tokenizers

CONFIG, OPEN_CLIP_CONFIG = "config.json", "open_clip_config.json"


def read_tokenizer(file: Path) -> Any:
    """The `tokenizers.Tokenizer` in a `tokenizer.json`."""
    tokenizers = import_tokenizers()
    try:
        content = file.read_text(encoding="utf-8-sig")
        return tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # the library raises nothing more specific
        raise ValueError(
            "`path` must have a tokenizer.json that the `tokenizers` "
            f"package can read. Received: {file}: {error}"
        ) from error


def special_tokens(folder: Path) -> dict[str, str]:
    """Names to strings of the special tokens that the files name."""
    names = {
        **(read_json(folder / "special_tokens_map.json") or {}),
        **(read_json(folder / "tokenizer_config.json") or {}),
    }
    return {
        name: token["content"] if isinstance(token, dict) else token
        for name, token in names.items()
        if name in ("bos_token", "eos_token", "pad_token") and token
    }


def open_clip_text(folder: Path) -> dict:
    """The section `text_cfg` of `open_clip_config.json`, or an empty one."""
    settings = read_json(folder / OPEN_CLIP_CONFIG) or {}
    return section_of(
        section_of(settings, "model_cfg", OPEN_CLIP_CONFIG),
        "text_cfg",
        OPEN_CLIP_CONFIG,
    )


def is_siglip(folder: Path) -> bool:
    """Whether `config.json` is that of transformers' SigLIP."""
    model_type = (read_json(folder / CONFIG) or {}).get("model_type")
    return str(model_type) in ("siglip", "siglip_text_model", "siglip2")


def context_length(folder: Path, default: int) -> int:
    """The length that the folder's model says, or `default`."""
    config = read_json(folder / CONFIG) or {}
    of_text = {
        # Of a folder with the text tower alone.
        **{k: v for k, v in config.items() if k == _LENGTH},
        **section_of(config, "text_config", CONFIG),
        **section_of(config, "text_config_dict", CONFIG),
    }
    of_open_clip = open_clip_text(folder)
    for settings, name, place in (
        (of_text, _LENGTH, CONFIG),
        (of_open_clip, "context_length", OPEN_CLIP_CONFIG),
    ):
        if name in settings:
            return value_of(settings, name, None, POSITIVE_INTEGER, place)
    return default


_LENGTH = "max_position_embeddings"
