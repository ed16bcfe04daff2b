"""Functions that clean texts as the tokenizers of other libraries do."""

import html
import string
from collections.abc import Callable

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def canonicalize(text: str) -> str:
    """Lower case without ASCII punctuation, as SigLIP was trained."""
    return _collapse(text.lower().translate(_NO_PUNCTUATION))


def _canonicalize_as_open_clip(text):
    # An underscore separates words there. The order decides about the lower
    # case of a sigma before punctuation.
    text = text.replace("_", " ").translate(_NO_PUNCTUATION)
    return _collapse(text.lower())


def _collapse(text):
    return " ".join(text.split())


# What open_clip calls `clean`.
CLEANERS: dict[str, Callable[[str], str]] = {
    "canonicalize": _canonicalize_as_open_clip,
    "lower": lambda text: _collapse(text).lower(),
    "whitespace": _collapse,
}


def import_mending() -> Callable[[str], str]:
    """The function that repairs wrongly decoded characters and HTML."""
    try:
        import ftfy
    except ImportError as error:
        raise ImportError(
            "`fix_text` needs the `ftfy` package. Install it with "
            '`pip install "keras_contrastive[checkpoints]"`.'
        ) from error
    return lambda text: html.unescape(html.unescape(ftfy.fix_text(text)))
