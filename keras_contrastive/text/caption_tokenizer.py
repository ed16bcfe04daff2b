"""A tokenizer with its own vocabulary, based on the `tokenizers` library."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_contrastive.text.texts import to_strings

PAD, START, END = SPECIAL_TOKENS = ("[pad]", "[start]", "[end]")


@keras.saving.register_keras_serializable(package="keras_contrastive")
class CaptionTokenizer:
    """Converts captions to token ids with its own vocabulary.

    `keras_contrastive.text.train_tokenizer` and `load` create one. A caption
    becomes `[start] tokens [end] [pad] ...` of `context_length` ids; one that
    is too long loses tokens before `[end]`. Text is lower-cased,
    NFC-normalized and stripped of superfluous white space. Tokens are merged
    pairs of bytes, as learned from the training captions: every string of any
    script has an encoding, and `"[end]"` written in a caption is ordinary
    text.

    Needs `pip install "keras_contrastive[text]"`, the `tokenizers` library of
    Hugging Face. It requires neither TensorFlow nor network access.

    Args:
        tokenizer: the `tokenizers.Tokenizer` that encodes and packs: with a
            fixed padding, a truncation of the same length and the three
            special tokens `[pad]`, `[start]` and `[end]`.

    Example:

    ```python
    import keras_contrastive as kc

    captions = ["a red circle", "a blue square", "a blue circle"]
    tokenizer = kc.text.train_tokenizer(captions, 300, context_length=16)
    ids = tokenizer(["A red square", "a dog"])
    assert ids.shape == (2, 16) and ids.dtype == "int32"
    assert tokenizer.decode(ids) == ["a red square", "a dog"]

    tokenizer.save("tokenizer.json")
    tokenizer = kc.text.CaptionTokenizer.load("tokenizer.json")
    ```
    """

    def __init__(self, tokenizer: Any):
        ids = [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS]
        padding, truncation = tokenizer.padding, tokenizer.truncation
        if (
            None in ids
            or padding is None
            or truncation is None
            or padding["length"] != truncation["max_length"]
        ):
            raise ValueError(
                "`tokenizer` must have the special tokens [pad], [start] and "
                "[end], and a truncation and a padding of one length, as those "
                "of `train_tokenizer` have. For another library's tokenizer "
                "use `keras_contrastive.text.PackedTokenizer`. Received: "
                f"special token ids {ids}, padding={padding}, "
                f"truncation={truncation}"
            )
        # A caption may contain "[end]"; the text tower pools at the real one.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer

    def __reduce__(self):
        # The library's own state leaves `encode_special_tokens` out.
        return CaptionTokenizer, (self._tokenizer,)

    def __call__(self, texts: str | Iterable[str]) -> np.ndarray:
        """Token ids of captions.

        Args:
            texts: list of n strings (or UTF-8 bytes); a single string is a
                batch of one.

        Returns:
            An int32 array of shape `(n, context_length)`.

        Raises:
            ValueError: if an item is not a string.
        """
        encodings = self._tokenizer.encode_batch(to_strings(texts))
        ids = np.array([encoding.ids for encoding in encodings], dtype="int32")
        return ids.reshape(-1, self.context_length)

    def decode(self, ids: Any) -> list[str] | str:
        """Converts token ids to normalized captions without special tokens.

        Args:
            ids: integers of shape `(n, length)`, or `(length,)` for one.

        Returns:
            A list of n strings, or one string.

        Raises:
            ValueError: if `ids` are anything else, or negative.
        """
        ids = keras.ops.convert_to_numpy(ids)
        are_ids = ids.size == 0 or (ids.dtype.kind in "iu" and ids.min() >= 0)
        if not are_ids or ids.ndim not in (1, 2):
            raise ValueError(
                "`ids` must be token ids, integers of 0 or more of shape "
                "(n, length) or (length,). Received: an array of "
                f"{ids.dtype} of shape {ids.shape}: {ids!s:.80}"
            )
        if ids.ndim == 1:
            return self.decode(ids[None])[0]
        texts = self._tokenizer.decode_batch(ids.tolist())
        return [text.strip() for text in texts]

    def get_config(self) -> dict[str, Any]:
        return {"tokenizer": self._tokenizer.to_str()}

    @classmethod
    def from_config(cls, config: dict) -> "CaptionTokenizer":
        return cls(import_tokenizers().Tokenizer.from_str(config["tokenizer"]))

    def save(self, path: str | os.PathLike) -> None:
        """Writes one `.json` file, which `tokenizers` can also read."""
        self._tokenizer.save(os.fspath(Path(path).expanduser()))

    @classmethod
    def load(cls, path: str | os.PathLike) -> "CaptionTokenizer":
        """The tokenizer that `save` wrote to `path`."""
        try:
            text = Path(path).expanduser().read_text(encoding="utf-8-sig")
            tokenizer = import_tokenizers().Tokenizer.from_str(text)
        except (ImportError, OSError):
            raise
        except Exception as error:  # the library raises nothing more specific
            raise ValueError(
                "`path` must be a file that `CaptionTokenizer.save` has "
                f"written. Received: {os.fspath(path)!r}: {error}"
            ) from error
        return cls(tokenizer)

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids, special tokens included."""
        return self._tokenizer.get_vocab_size()

    @property
    def context_length(self) -> int:
        """Number of ids that a caption is packed into."""
        return self._tokenizer.padding["length"]

    @property
    def start_id(self) -> int:
        return self._tokenizer.token_to_id(START)

    @property
    def end_id(self) -> int:
        return self._tokenizer.token_to_id(END)

    @property
    def pad_id(self) -> int:
        return self._tokenizer.token_to_id(PAD)


def import_tokenizers():
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "This tokenizer needs the `tokenizers` package. Install it with "
            '`pip install "keras_contrastive[text]"`.'
        ) from error
    return tokenizers
