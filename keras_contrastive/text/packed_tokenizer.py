"""Packs the ids of other libraries' tokenizers for a text tower."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from keras_contrastive.text.texts import to_strings
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_int


class PackedTokenizer:
    """Packs the ids of any tokenizer: `start, tokens, end, pad, ...`.

    It serves pretrained text towers, with the tokenizer of any library. A
    caption that is too long loses tokens before the end token.

    Args:
        tokenize: callable that takes a list of n strings and returns n
            sequences of ids, without padding. It may add start and end or not.
        context_length: int, at least 3: number of ids that a caption is packed
            into, including start and end.
        start_id: int, the id before the first token, or `None` for no start.
        end_id: int, the id after the last token, where CLIP's text tower
            pools, or `None` for no end.
        keep_special: bool, whether start and end ids returned by `tokenize`
            are tokens of the caption. By default they are taken for the start
            and end that it has added, and are removed.
        pad_id: int, the padding id. It may equal `end_id`, as in OpenAI's
            CLIP: a text tower that pools at an id takes the first one.

    Raises:
        ValueError: if `tokenize` is no callable, `context_length` is less than
            3, an id is negative, or one of them is no int.

    Example:

    ```python
    import keras_contrastive as kc

    words = {"a": 3, "red": 4, "circle": 5}
    tokenizer = kc.text.PackedTokenizer(
        lambda texts: [[words[w] for w in text.split()] for text in texts],
        context_length=6,
        start_id=1,
        end_id=2,
    )
    ids = tokenizer(["a circle", "a red red red circle"])
    assert ids.tolist() == [[1, 3, 5, 2, 0, 0], [1, 3, 4, 4, 4, 2]]
    ```
    """

    def __init__(
        self,
        tokenize: Callable[[list[str]], Sequence[Sequence[int]]],
        context_length: int,
        start_id: int | None,
        end_id: int | None,
        pad_id: int = 0,
        keep_special: bool = False,
    ):
        if not callable(tokenize):
            raise ValueError(
                "`tokenize` must be a callable from a list of strings to a "
                f"list of id sequences. Received: {tokenize!r}"
            )
        self.tokenize = tokenize
        # Room for a start, a token and an end.
        self.context_length = check_int("context_length", context_length, 3)
        self.start_id = _check_id("start_id", start_id)
        self.end_id = _check_id("end_id", end_id)
        self.pad_id = check_int("pad_id", pad_id, 0)
        self.keep_special = check_bool("keep_special", keep_special)

    def __call__(self, texts: str | Iterable[str]) -> np.ndarray:
        """Token ids of captions.

        Args:
            texts: list of n strings (or UTF-8 bytes); a single string is a
                batch of one.

        Returns:
            An int32 array of shape `(n, context_length)`.

        Raises:
            ValueError: if an item is not a string, or if `tokenize` does not
                return one sequence of ids for each.
        """
        texts = to_strings(texts)
        rows = list(self.tokenize(texts)) if texts else []
        if len(rows) != len(texts):
            raise ValueError(
                "`tokenize` must return one sequence of ids for each text. "
                f"Received: {len(rows)} sequences for {len(texts)} texts"
            )
        shape = (len(texts), self.context_length)
        packed: np.ndarray = np.full(shape, self.pad_id, dtype="int32")
        for row, ids in zip(packed, rows, strict=True):
            start, end = (
                [] if special is None else [special]
                for special in (self.start_id, self.end_id)
            )
            room = self.context_length - len(start) - len(end)
            ids = [*start, *self._tokens(ids)[:room], *end]
            row[: len(ids)] = ids
        return packed

    def _tokens(self, ids):
        ids = np.asarray(ids)
        if ids.size == 0:
            ids = ids.astype("int32")
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ValueError(
                "`tokenize` must return sequences of integers. Received one "
                f"with shape {ids.shape} and dtype {ids.dtype}"
            )
        if self.keep_special:
            return ids
        # The result has one start and one end, even if the tokenizer adds them
        # itself or finds the names of these tokens in a caption.
        special = [i for i in (self.start_id, self.end_id) if i is not None]
        return ids[~np.isin(ids, special)]


def _check_id(name, value):
    return None if value is None else check_int(name, value, 0)
