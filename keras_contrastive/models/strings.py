"""Strings as the texts of a model that has a tokenizer."""

import warnings
from collections.abc import Callable
from typing import Any

from keras_contrastive.data_validation import holds_strings
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


def to_tokens(texts: Any, tokenizer: Callable | None) -> Any:
    """Strings as the inputs of the text encoder, others unchanged.

    Raises:
        ValueError: If there are strings but no tokenizer.
    """
    if not holds_strings(texts):
        return texts
    if tokenizer is None:
        raise ValueError(no_numbers("texts", texts))
    return tokenizer(to_strings(texts))


def saved_tokenizer(tokenizer: Callable | None) -> Callable | None:
    """The tokenizer for a model's file, `None` if none can be in one."""
    if tokenizer is None or hasattr(tokenizer, "get_config"):
        return tokenizer
    warnings.warn(
        "`tokenizer` is not saved with the model: it has no `get_config`. Set "
        "`model.tokenizer` after loading. Received: "
        f"tokenizer={tokenizer!r}",
        stacklevel=2,
    )
    return None
