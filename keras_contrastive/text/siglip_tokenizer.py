"""Tokenizers of SigLIP, CLIPA and XLM-R, from the files of checkpoints."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import section_of
from keras_contrastive.text import tokenizer_files
from keras_contrastive.text.caption_tokenizer import import_tokenizers
from keras_contrastive.text.cleaning import CLEANERS
from keras_contrastive.text.cleaning import canonicalize
from keras_contrastive.text.cleaning import import_mending
from keras_contrastive.text.packed_tokenizer import PackedTokenizer
from keras_contrastive.text.tokenizer_files import OPEN_CLIP_CONFIG

SENTENCEPIECE = "spiece.model"
_SIGLIP_LENGTH = 64
# open_clip's, of text towers of transformers.
_HF_TEXT_LENGTH = 77


def has_own_packing(folder: Path) -> bool:
    """Whether a folder's tokenizer is not packed as CLIP's are."""
    text = tokenizer_files.open_clip_text(folder)
    return (
        tokenizer_files.is_siglip(folder)
        or (folder / SENTENCEPIECE).is_file()
        or bool(text.get("hf_tokenizer_name") and text.get("tokenizer_kwargs"))
        or bool(text.get("hf_model_name"))
    )


def siglip_tokenizer(
    folder: Path, context_length: int | None, fix_text: bool
) -> PackedTokenizer:
    """The tokenizer of a folder for which `has_own_packing` is true.

    Texts are cleaned as by the library that the folder is of. Start, end and
    padding are those of its files: SigLIP's texts have no start.

    Args:
        folder: Path of the folder.
        context_length: Int, number of ids that a text is packed into, or
            `None` for that of the folder's model.
        fix_text: Whether to mend texts first, as open_clip does.
    """
    if (folder / "tokenizer.json").is_file():
        tokenize, ids, model = _from_json(folder)
    else:
        tokenize, ids, model = _from_sentencepiece(folder)
    clean, strips_separator = _cleaning(folder, model)
    if strips_separator:
        ids["end_id"] = 0
    mend = import_mending() if fix_text else None

    def cleaned(texts):
        if mend is not None:
            texts = [mend(text) for text in texts]
        return tokenize([clean(text) for text in texts])

    if context_length is None:
        has_hf_text = tokenizer_files.open_clip_text(folder).get(
            "hf_model_name"
        )
        default = _HF_TEXT_LENGTH if has_hf_text else _SIGLIP_LENGTH
        context_length = tokenizer_files.context_length(folder, default)
    return PackedTokenizer(cleaned, context_length, keep_special=True, **ids)


def _cleaning(folder, model):
    """How texts are cleaned, and whether the end becomes id 0."""
    text = tokenizer_files.open_clip_text(folder)
    if not text.get("hf_tokenizer_name"):
        if model == "Unigram":  # SigLIP's; that of SigLIP 2 is Gemma's.
            return canonicalize, False
        return import_tokenizers().normalizers.Lowercase().normalize_str, False
    settings = section_of(text, "tokenizer_kwargs", OPEN_CLIP_CONFIG)
    name = settings.get("clean", "whitespace")
    strips_separator = settings.get("strip_sep_token", False)
    others = set(settings) - {"clean", "strip_sep_token"}
    if (
        others
        or name not in CLEANERS
        or not isinstance(strips_separator, bool)
        or text.get("tokenizer_mode")
    ):
        raise ValueError(
            f"`tokenizer_kwargs` in {OPEN_CLIP_CONFIG} must have nothing but "
            f"`clean`, one of {list(CLEANERS)}, and `strip_sep_token`, and "
            "`tokenizer_mode` must be unset. Received: "
            f"tokenizer_kwargs={settings}, "
            f"tokenizer_mode={text.get('tokenizer_mode')!r}"
        )
    return CLEANERS[name], strips_separator


def _from_json(folder) -> tuple[Callable, dict, str]:
    tokenizer = tokenizer_files.read_tokenizer(folder / "tokenizer.json")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    names = tokenizer_files.special_tokens(folder)
    ids = _packing(tokenizer, names, folder)

    def tokenize(texts):
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    return tokenize, ids, type(tokenizer.model).__name__


def _packing(tokenizer, names, folder) -> dict[str, Any]:
    """The ids that the files put around the tokens of a text."""
    inner, whole = (
        tokenizer.encode("a", add_special_tokens=special).ids
        for special in (False, True)
    )
    before = next(
        n for n in range(len(whole) + 1) if whole[n : n + len(inner)] == inner
    )
    start, end = whole[:before], whole[before + len(inner) :]
    if len(start) > 1 or len(end) > 1:
        raise ValueError(
            "`path` must have a tokenizer that puts at most one token before "
            "a text and one after it. Received: "
            f"{os.fspath(folder)!r}, whose tokenizer puts {start} and {end}"
        )
    start_id, end_id = (ids[0] if ids else None for ids in (start, end))
    # These settings take precedence over the file of the vocabulary.
    config = read_json(folder / "tokenizer_config.json") or {}
    if config.get("add_eos_token") is not None:
        eos = tokenizer.token_to_id(names.get("eos_token", "</s>"))
        end_id = eos if config["add_eos_token"] else None
    if config.get("add_bos_token") is not None:
        bos = tokenizer.token_to_id(names.get("bos_token", "<s>"))
        start_id = bos if config["add_bos_token"] else None
    pad_id = tokenizer.token_to_id(names.get("pad_token", ""))
    if pad_id is None:
        if end_id is None:
            raise ValueError(
                "`path` must have a tokenizer whose files name a `pad_token`. "
                f"Received: {os.fspath(folder)!r}, whose files name {names}"
            )
        pad_id = end_id
    return {"start_id": start_id, "end_id": end_id, "pad_id": pad_id}


def _from_sentencepiece(folder) -> tuple[Callable, dict, str]:
    file = folder / SENTENCEPIECE
    if not file.is_file():
        raise ValueError(
            f"`path` must be a folder with tokenizer.json or {SENTENCEPIECE}. "
            f"Received: {os.fspath(folder)!r}"
        )
    try:
        import sentencepiece
    except ImportError as error:
        raise ImportError(
            f"A {SENTENCEPIECE} without a tokenizer.json beside it needs the "
            "`sentencepiece` package. Install it with "
            '`pip install "keras_contrastive[sentencepiece]"`.'
        ) from error
    model = sentencepiece.SentencePieceProcessor(model_file=os.fspath(file))
    names = tokenizer_files.special_tokens(folder)
    end_id = model.piece_to_id(names.get("eos_token", "</s>"))
    pad_id = end_id
    if "pad_token" in names:
        pad_id = model.piece_to_id(names["pad_token"])
    ids = {"start_id": None, "end_id": end_id, "pad_id": pad_id}
    return model.encode, ids, "Unigram"
