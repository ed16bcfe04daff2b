"""Checks that inputs are as large as the window of a layer."""

from collections.abc import Sequence
from typing import Any


def check_window(layer: Any, inputs: Any, window: Sequence[int]) -> None:
    """Raises if a window without padding does not fit into the inputs.

    Some backends raise errors of their own; others return an empty tensor,
    whose mean is NaN.

    Args:
        layer: A layer of convolution or pooling.
        inputs: Its inputs. Sides that a graph leaves open are not checked.
        window: Ints, the sides of its window.

    Raises:
        ValueError: If a side is shorter than that of the window.
    """
    if layer.padding.lower() != "valid":
        return
    is_last = layer.data_format == "channels_last"
    sides = inputs.shape[1:-1] if is_last else inputs.shape[2:]
    if any(
        side is not None and side < size
        for side, size in zip(sides, window, strict=True)
    ):
        raise ValueError(
            "The images or volumes are too small: the sides of `inputs` of the "
            f"layer {layer.name!r} must be at least {tuple(window)}. "
            f"Received: inputs.shape={tuple(inputs.shape)}"
        )
