"""Conversion of weights between this package and other libraries."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """A range of the equal parts that a tensor of another library is cut into.

    Attributes:
        name: Name of the tensor.
        start: Int, the first part.
        stop: Int, the part after the last one.
        parts: Int, the number of parts of the whole tensor.
    """

    name: str
    start: int
    stop: int
    parts: int


class TowerNames(NamedTuple):
    """How a library names the weights of a tower.

    Attributes:
        of: Callable from the number of blocks to a dict from our names to
            lists of theirs: each of our weights is the concatenation of theirs,
            or of `Rows` of theirs, along the first axis.
        block: Pattern of the names of blocks, with their number as a group.
    """

    of: Callable[[int], dict]
    block: str


class Layout(NamedTuple):
    """How a library names the weights of a model, and their layout.

    Attributes:
        image: `TowerNames` of the image tower, or `None`.
        text: `TowerNames` of the text tower, or `None`.
        other: Dict from our names to lists of theirs, for the other weights.
        plain: Our names of the kernels that have the layout `(in, out)` in that
            library too. Linear layers in PyTorch have `(out, in)`.
        scalar_shape: The shape of the logit scale and bias in that library.
        ignored: Pattern of the names of tensors that are not weights.
        model: The kind of model, for errors.
    """

    image: TowerNames | None
    text: TowerNames | None
    other: dict
    plain: frozenset = frozenset()
    scalar_shape: tuple = ()
    ignored: str = r"\.position_ids$"
    model: str = "a CLIP"

    def names(self, image_blocks: int, text_blocks: int, has_bias: bool):
        """Dict from our names to lists of theirs, with SigLIP's bias or not."""
        names = dict(self.other)
        if self.image is not None:
            names |= self.image.of(image_blocks)
        if self.text is not None:
            names |= self.text.of(text_blocks)
        if has_bias:
            names["logit_scale/bias"] = ["logit_bias"]
        return names

    def from_theirs(self, tensors: dict) -> dict:
        """Converts tensors by their names to float32 weights by our names.

        Raises:
            ValueError: If a tensor is missing, unknown or of another shape.
        """
        image_blocks, text_blocks = (
            0 if tower is None else _count(tensors, tower.block)
            for tower in (self.image, self.text)
        )
        names = self.names(image_blocks, text_blocks, "logit_bias" in tensors)
        known = {_name(part) for parts in names.values() for part in parts}
        missing = sorted(known - set(tensors))
        unknown = sorted(
            name
            for name in set(tensors) - known
            if not re.search(self.ignored, name)
        )
        if missing or unknown:
            raise ValueError(
                f"The checkpoint must have the weights of {self.model}. "
                f"Received: missing weights {missing[:5]} and unknown weights "
                f"{unknown[:5]}"
            )
        weights = {
            ours: self._weight(ours, [_rows(tensors, part) for part in theirs])
            for ours, theirs in names.items()
        }
        for tower in ("image", "text"):
            kernel = weights.get(f"{tower}/output/kernel")
            if kernel is not None:
                # Our layer has a bias; theirs may not have one.
                zeros = np.zeros(kernel.shape[1], "float32")
                weights.setdefault(f"{tower}/output/bias", zeros)
        return weights

    def to_theirs(
        self, weights: dict, image_blocks: int, text_blocks: int
    ) -> dict:
        """Converts weights by our names to tensors by their names."""
        names = self.names(
            image_blocks, text_blocks, "logit_scale/bias" in weights
        )
        tensors = {}
        rows: dict[str, dict[int, np.ndarray]] = {}
        for ours, theirs in names.items():
            whole = self._to_theirs(ours, weights[ours])
            parts = np.split(whole, len(theirs)) if len(theirs) > 1 else [whole]
            for part, tensor in zip(theirs, parts, strict=True):
                if isinstance(part, Rows):
                    rows.setdefault(part.name, {})[part.start] = tensor
                else:
                    tensors[part] = tensor
        for name, cut in rows.items():
            ordered = [cut[start] for start in sorted(cut)]
            tensors[name] = np.concatenate(ordered)
        # Files are written in the order in memory.
        return {n: np.asarray(t, order="C") for n, t in tensors.items()}

    def _weight(self, name, rows):
        """A weight of ours from the rows of their tensors."""
        try:
            weight = self._to_ours(name, np.concatenate(rows))
            fits = not name.endswith("/kernel") or weight.ndim > 1
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"The checkpoint must have the weights of {self.model}. "
                f"Received: tensors of shapes {[each.shape for each in rows]} "
                f"for {name}"
            )
        return weight

    def _to_ours(self, name, tensor):
        tensor = tensor.astype("float32")
        if name.startswith("logit_scale/"):
            return tensor.reshape(())
        if name.endswith("class_token"):
            return tensor.reshape(1, 1, -1)
        if name.endswith("position_embedding"):
            return tensor.reshape(tensor.shape[-2:])
        if name.endswith("depthwise/kernel"):
            return tensor.transpose(2, 3, 0, 1)
        if tensor.ndim == 4:  # a convolution
            return tensor.transpose(2, 3, 1, 0)
        return tensor.T if self._is_transposed(name) else tensor

    def _to_theirs(self, name, weight):
        if name.startswith("logit_scale/"):
            return weight.reshape(self.scalar_shape)
        if name.endswith("class_token"):
            return weight[0, 0]
        if weight.ndim == 4:  # a convolution
            return weight.transpose(3, 2, 0, 1)
        return weight.T if self._is_transposed(name) else weight

    def _is_transposed(self, name):
        return name.endswith("/kernel") and name not in self.plain


def norm_names(ours: str, theirs: str) -> dict:
    """Names of a LayerNorm."""
    return {
        f"{ours}/gamma": [f"{theirs}.weight"],
        f"{ours}/beta": [f"{theirs}.bias"],
    }


def dense_names(ours: str, *theirs: str) -> dict:
    """Names of a linear layer that joins one or several of theirs."""
    return {
        f"{ours}/kernel": [f"{name}.weight" for name in theirs],
        f"{ours}/bias": [f"{name}.bias" for name in theirs],
    }


def _name(part):
    return part.name if isinstance(part, Rows) else part


def _rows(tensors, part):
    tensor = np.atleast_1d(tensors[_name(part)])
    if not isinstance(part, Rows):
        return tensor
    size = len(tensor) // part.parts
    return tensor[part.start * size : part.stop * size]


def _count(tensors, pattern):
    numbers = [re.match(pattern, name) for name in tensors]
    return 1 + max((int(match[1]) for match in numbers if match), default=-1)
