"""A tokenizer whose results are checked."""

from collections.abc import Callable
from collections.abc import Mapping

import keras
import numpy as np


class CheckedTokenizer:
    """Converts captions to arrays of static shapes, in portable dtypes.

    Args:
        tokenizer: Callable from a list of strings to an array or a dict of
            arrays.
    """

    def __init__(self, tokenizer: Callable):
        self.tokenizer = tokenizer
        self._shapes: dict[str, tuple] | None = None

    def __call__(self, captions: list[str]):
        tokens = self.tokenizer(captions)
        if isinstance(tokens, Mapping):
            texts = {name: _array(each) for name, each in tokens.items()}
            shapes = {name: each.shape for name, each in texts.items()}
        else:
            texts = _array(tokens)
            shapes = {"texts": texts.shape}
        if any(shape[:1] != (len(captions),) for shape in shapes.values()):
            raise ValueError(
                f"`tokenizer` must return one row for each of {len(captions)} "
                f"captions. Received: arrays of the shapes {shapes}"
            )
        shapes = {name: shape[1:] for name, shape in shapes.items()}
        if self._shapes is None:
            self._shapes = shapes
        if shapes != self._shapes:
            raise ValueError(
                "`tokenizer` must pad or cut all captions to the same length, "
                "so that the shapes of batches are static. Received: rows of "
                f"the shapes {self._shapes}, and then {shapes}"
            )
        return texts


def _array(tokens):
    try:
        if keras.ops.is_tensor(tokens):
            tokens = keras.ops.convert_to_numpy(tokens)
        array = np.asarray(tokens)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    kind = array.dtype.kind
    limits = np.iinfo("int32")
    too_large = (
        kind in "iu" and ((array < limits.min) | (array > limits.max)).any()
    )
    if kind not in "biuf" or too_large:
        raise ValueError(
            "`tokenizer` must return an array of integers of 32 bits, of "
            "shape (batch, length), or a dict of arrays. Received: "
            f"{str(tokens)[:100]} of type {type(tokens).__name__}"
        )
    return array.astype({"b": "bool", "f": "float32"}.get(kind, "int32"))
