"""The captions in a value of a table."""

from typing import Any

from keras_contrastive.datasets.tables.missing import is_missing


def texts_of(value: Any) -> list:
    """The captions in a value, which is one caption or a list of captions.

    Missing captions are left out. Values that are not text are returned
    unchanged, so that the reader can report them.
    """
    if is_missing(value):
        return []
    if not isinstance(value, str | bytes):
        for method in ("to_list", "tolist"):  # polars, NumPy
            if hasattr(value, method):
                value = getattr(value, method)()
                break
    several = value if isinstance(value, list | tuple) else [value]
    return [_decoded(each) for each in several if not is_missing(each)]


def _decoded(text):
    if isinstance(text, bytes):
        try:
            return text.decode()
        except UnicodeDecodeError:
            pass
    return text
