"""Converts strings to the inputs of a text encoder."""

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_contrastive.data_validation import holds_strings
from keras_contrastive.table_columns import as_array
from keras_contrastive.text.texts import to_strings
from keras_contrastive.trainer.data_checks import no_numbers


def check_tokenizer(tokenizer: Any) -> Callable | None:
    """The argument `tokenizer` of a model, or a `ValueError`."""
    if tokenizer is not None and not callable(tokenizer):
        raise ValueError(
            "`tokenizer` must be a callable from a list of strings to the "
            f"inputs of the text encoder. Received: {tokenizer!r}"
        )
    return tokenizer


def to_tokens(
    texts: Any, tokenizer: Callable | None, name: str = "texts"
) -> Any:
    """Strings as the inputs of the text encoder, other texts unchanged.

    Args:
        texts: A string, a list or an array of them; or rows of strings, as an
            array of shape `(rows, n)` or as lists of equal length, whose
            tokens have the first axes `(rows, n)`.
        tokenizer: Callable on a list of strings.
        name: Name of the texts in errors.

    Raises:
        ValueError: If there are strings but no tokenizer, or if the lists
            differ in length.
    """
    texts = as_array(texts)
    if _holds_rows(texts):
        texts = _rows_of_strings(texts, name)
    if tokenizer and isinstance(texts, (list, tuple)) and not texts:
        # An empty list: the tokens of one text have the shape of a row.
        return keras.tree.map_structure(lambda x: x[:0], tokenizer([""]))
    if not holds_strings(texts):
        return texts
    if tokenizer is None:
        raise ValueError(no_numbers(name, texts))
    tokens = tokenizer(to_strings(texts, name))
    shape = tuple(getattr(texts, "shape", ()))
    if len(shape) != 2:
        return tokens
    return keras.tree.map_structure(
        lambda x: np.reshape(
            keras.ops.convert_to_numpy(x), (*shape, *x.shape[1:])
        ),
        tokens,
    )


def _holds_rows(texts):
    """Whether texts are a list of lists of strings."""
    return (
        isinstance(texts, (list, tuple))
        and len(texts) > 0
        and not isinstance(texts[0], (str, bytes))
        and holds_strings(texts[0])
    )


def _rows_of_strings(texts, name):
    """Converts lists of strings with equal lengths to an array."""
    lengths = {len(row) for row in texts}
    if len(lengths) > 1:
        raise ValueError(
            f"`{name}` must have the same number of strings in each row. "
            f"Received: rows of {sorted(lengths)} strings"
        )
    return np.array(texts)


def saved_tokenizer(tokenizer: Callable | None) -> Callable | None:
    """The tokenizer to save in a model's file, `None` if it cannot be saved."""
    if tokenizer is None or hasattr(tokenizer, "get_config"):
        return tokenizer
    warnings.warn(
        "`tokenizer` is not saved with the model: it has no `get_config`. Set "
        "`model.tokenizer` after loading. Received: "
        f"tokenizer={tokenizer!r}",
        stacklevel=2,
    )
    return None
