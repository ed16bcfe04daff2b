"""Converts the inputs of tokenizers to strings."""

from collections.abc import Iterable

import numpy as np


def to_strings(texts: str | bytes | Iterable, name: str = "texts") -> list[str]:
    """`texts` as a list of strings that any tokenizer can encode.

    A single string is a batch of one; bytes, as in TensorFlow, are decoded as
    UTF-8. Half a surrogate pair, which has no encoding, becomes "?".

    Raises:
        ValueError: if an item is neither a string nor bytes.
    """
    if isinstance(texts, str | bytes):
        texts = [texts]
    elif hasattr(texts, "__array__"):
        texts = np.asarray(texts).ravel().tolist()
    elif not isinstance(texts, Iterable):
        raise ValueError(
            f"`{name}` must be a string or a list of strings. "
            f"Received: {texts!r} (of type {type(texts).__name__})"
        )
    return [to_string(text, name, index) for index, text in enumerate(texts)]


def to_string(text: str | bytes, name: str, index: int) -> str:
    """One item of `to_strings`, number `index`."""
    if isinstance(text, bytes):
        return text.decode("utf-8", errors="replace")
    if isinstance(text, str):
        return text.encode("utf-8", errors="replace").decode("utf-8")
    raise ValueError(
        f"`{name}` must be a list of strings. Received at index {index}: "
        f"{text!r} (of type {type(text).__name__})"
    )
