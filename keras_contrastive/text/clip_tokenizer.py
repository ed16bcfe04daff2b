"""The tokenizer of a CLIP checkpoint, from its files."""

import gzip
import os
from pathlib import Path

from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import section_of
from keras_contrastive.text import tokenizer_files
from keras_contrastive.text.caption_tokenizer import import_tokenizers
from keras_contrastive.text.cleaning import CLEANERS
from keras_contrastive.text.cleaning import import_mending
from keras_contrastive.text.packed_tokenizer import PackedTokenizer
from keras_contrastive.text.siglip_tokenizer import has_own_packing
from keras_contrastive.text.siglip_tokenizer import siglip_tokenizer
from keras_contrastive.validation import check_bool

START, END = "<|startoftext|>", "<|endoftext|>"
# The words of CLIP's code: the names of its two special tokens, contractions,
# letters, single digits, the rest.
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>"
    r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
_NUM_MERGES = 49152 - 256 - 2


def clip_tokenizer(
    path: str | os.PathLike,
    context_length: int | None = None,
    fix_text: bool = False,
) -> PackedTokenizer:
    """The tokenizer of a CLIP checkpoint, from its files.

    The ids are those of transformers' `CLIPTokenizer` and of open_clip's and
    OpenAI's `SimpleTokenizer`. The three differ in how they clean a text: the
    latter two call ftfy, which straightens curly quotes and repairs
    incorrectly decoded characters, and resolve HTML entities.

    SigLIP's texts are lower-cased and stripped of ASCII punctuation, and have
    an end but no start; those of SigLIP 2, in Gemma's vocabulary, are
    lower-cased, and by open_clip also stripped of punctuation. They are padded
    to 64 ids, and the encoder reads the padding too.

    The names of special tokens in a text, such as CLIP's `<|endoftext|>`,
    become those tokens, as in transformers; the encoder pools at the first end
    token.

    Needs `pip install "keras_contrastive[checkpoints]"`.

    Args:
        path: Folder with `tokenizer.json`, or with `vocab.json` and
            `merges.txt`; a `tokenizer.json` alone; the file of merges that
            open_clip and OpenAI's code come with,
            `bpe_simple_vocab_16e6.txt.gz`; or a folder with SigLIP's
            `spiece.model` alone, which needs the extra `sentencepiece`.
        context_length: Int, number of ids that a text is packed into. Defaults
            to that of the folder's model, or CLIP's 77 and SigLIP's 64.
        fix_text: Whether to mend texts as open_clip and OpenAI's code do;
            `False` leaves them unchanged, as transformers does.

    Returns:
        A `PackedTokenizer`: strings to an int32 array `(n, context_length)`.
        CLIP's text encoder pools at `end_id`.

    Raises:
        ValueError: If `path` has no vocabulary, or one without CLIP's tokens,
            or if open_clip would use its tokenizer differently.
        ImportError: If a package that reads the files is not installed.

    Example:

    ```python
    import json
    from pathlib import Path
    import keras_contrastive as kc

    folder = Path("clip")  # yours: of a checkpoint
    folder.mkdir(exist_ok=True)
    tokens = "a d</w> o g</w> og</w> <|startoftext|> <|endoftext|>".split()
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\\no g</w>\\n")
    tokenizer = kc.text.clip_tokenizer(folder, context_length=6)
    print(tokenizer("AOG"))  # [[5 0 4 6 6 6]]
    ```
    """
    path = Path(path).expanduser()
    fix_text = check_bool("fix_text", fix_text)
    if path.name == "tokenizer.json" and path.is_file():
        path = path.parent
    if path.suffix == ".json" and path.is_file():
        raise ValueError(
            "`path` must be a folder, tokenizer.json or a file of merges. "
            f"Received: {os.fspath(path)!r}"
        )
    folder = path.parent if path.is_file() else path
    if path.is_dir() and has_own_packing(path):
        return siglip_tokenizer(path, context_length, fix_text)
    if path.is_file():
        tokenizer, names = _from_merges(path), {}
        pad_id = 0
    else:
        tokenizer, names = (
            _from_folder(path),
            tokenizer_files.special_tokens(path),
        )
        pad_id = tokenizer.token_to_id(names.get("pad_token", END))
    start_id, end_id = (
        tokenizer.token_to_id(names.get(name, default))
        for name, default in (("bos_token", START), ("eos_token", END))
    )
    if None in (start_id, end_id):
        raise ValueError(
            "`path` must be the vocabulary of a CLIP, with tokens for start "
            f"and end. Received: {os.fspath(path)!r}, whose ids of them are "
            f"{start_id} and {end_id}"
        )
    _check_open_clip(folder)
    if context_length is None:
        context_length = tokenizer_files.context_length(folder, 77)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    mend = import_mending() if fix_text else None

    def tokenize(texts):
        if mend is not None:
            texts = [CLEANERS["lower"](mend(text)) for text in texts]
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    return PackedTokenizer(
        tokenize,
        context_length,
        start_id=start_id,
        end_id=end_id,
        pad_id=end_id if pad_id is None else pad_id,
        keep_special=True,
    )


def _check_open_clip(folder):
    settings = tokenizer_files.open_clip_text(folder).get("tokenizer_kwargs")
    if settings:
        raise ValueError(
            "`tokenizer_kwargs` in open_clip_config.json must be unset without "
            "`hf_tokenizer_name`: there is only CLIP's tokenizer here, as it "
            f"is. Received: {settings}"
        )


def _from_folder(folder):
    tokenizers = import_tokenizers()
    file = folder / "tokenizer.json"
    if file.is_file():
        return tokenizer_files.read_tokenizer(file)
    vocabulary = read_json(folder / "vocab.json")
    merges = folder / "merges.txt"
    if vocabulary is None or not merges.is_file():
        raise ValueError(
            "`path` must be a folder with tokenizer.json, or with vocab.json "
            "and merges.txt, or a file of merges. Received: "
            f"{os.fspath(folder)!r}"
        )
    lines = merges.read_text(encoding="utf-8-sig").split("\n")
    tokenizer = _byte_pair_encoding(vocabulary, _pairs(lines[1:]))
    for content, (token_id, settings) in _added_tokens(folder).items():
        tokenizer.add_tokens([tokenizers.AddedToken(content, **settings)])
        if tokenizer.token_to_id(content) != token_id:
            raise ValueError(
                f"The tokens that the files of {folder} add must follow the "
                f"vocabulary without a gap. Received: {content!r} with the id "
                f"{token_id}, where {tokenizer.token_to_id(content)} is next"
            )
    return tokenizer


def _from_merges(path):
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    merges = _pairs(content.decode("utf-8").split("\n")[1 : _NUM_MERGES + 1])
    # Printable bytes stand for themselves; they determine the order of ids.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = [chr(code) for code in [*printable, *range(256, 324)]]
    tokens = [
        *characters,
        *(f"{character}</w>" for character in characters),
        *("".join(pair) for pair in merges),
        START,
        END,
    ]
    return _byte_pair_encoding({t: i for i, t in enumerate(tokens)}, merges)


def _pairs(lines):
    return [tuple(line.split()) for line in lines if line.strip()]


def _byte_pair_encoding(vocabulary, merges):
    tokenizers = import_tokenizers()
    normalizers, pre_tokenizers = (
        tokenizers.normalizers,
        tokenizers.pre_tokenizers,
    )
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            vocabulary, merges, end_of_word_suffix="</w>", unk_token=END
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(tokenizers.Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                tokenizers.Regex(_WORDS), behavior="removed", invert=True
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.add_special_tokens([t for t in (START, END) if t in vocabulary])
    return tokenizer


def _added_tokens(folder):
    """Added tokens of the files: content to id and settings, sorted by id."""
    added = read_json(folder / "added_tokens.json") or {}
    tokens = {token: (added[token], {}) for token in added}
    file = "tokenizer_config.json"
    config = read_json(folder / file) or {}
    decoder = section_of(config, "added_tokens_decoder", file)
    names = {"single_word", "lstrip", "rstrip", "normalized", "special"}
    for token_id, settings in decoder.items():
        tokens[settings["content"]] = (
            int(token_id),
            {name: settings[name] for name in names & set(settings)},
        )
    return dict(sorted(tokens.items(), key=lambda token: token[1][0]))
