"""The blocks of an encoder, from its input to its output."""

import re
from typing import Any

import keras

from keras_contrastive.fine_tuning.own_weights import freeze
from keras_contrastive.fine_tuning.own_weights import own_weights
from keras_contrastive.fine_tuning.own_weights import path_of
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_layer

# Finds the number of a block at the start of a part of a path: `block3`,
# `stage2_block1`, `conv4_block6`, `block2a`, `stage_0_block_1`,
# `transformer_layer_11`.
_BLOCK = re.compile(r".*?(?:block|layer)_?\d+[a-z]?(?=_|$)")


def blocks(encoder: keras.Layer) -> list[list[keras.Layer]]:
    """Groups the layers of an encoder that have weights into its blocks.

    The blocks are recognized by the names of layers: `block3`,
    `stage2_block1`, `conv4_block6`, `transformer_layer_11`. The first group is
    what comes before them, such as the embedding of patches, and the last one
    what comes after them, such as the final normalization. Weights between two
    blocks, such as those of a downsampling layer, belong to the later block. If
    fewer than two names have a number, each layer with a kernel starts a block.

    Args:
        encoder: A built model or layer.

    Returns:
        A list of lists of layers, from the input to the output.

    Raises:
        ValueError: If the encoder has no weights.

    Example:

    ```python
    import keras_contrastive as kc

    encoder = kc.models.VisionTransformer(
        8, width=32, num_layers=2, num_heads=2, input_shape=(32, 32, 3)
    )
    print(len(kc.fine_tuning.blocks(encoder)))  # 4
    ```
    """
    check_layer("encoder", encoder)
    layers = [each for each in all_layers(encoder) if own_weights(each)]
    # A layer's weights tell where it is, even inside nested models.
    place = {id(v): index for index, v in enumerate(encoder.weights)}
    layers.sort(key=lambda each: place[id(own_weights(each)[0])])
    if not layers:
        raise ValueError(
            "`encoder` must have weights; call it on a batch first. "
            f"Received: {encoder!r}"
        )
    names = [_block_name(each) for each in layers]
    if len({name for name in names if name}) < 2:
        return _by_kernel(layers)
    groups: dict[str, list] = {}
    waiting = []
    for layer, name in zip(layers, names, strict=True):
        waiting.append(layer)
        if name is not None:
            if not groups and len(waiting) > 1:
                groups[""] = waiting[:-1]
                waiting = waiting[-1:]
            groups.setdefault(name, []).extend(waiting)
            waiting = []
    return [*groups.values(), waiting] if waiting else list(groups.values())


def freeze_blocks(encoder: keras.Layer, num_blocks: int) -> None:
    """Freezes the first blocks of an encoder: weights and batch statistics.

    Layers of a frozen block have `trainable = False`. Call it before
    `compile`. `unfreeze` undoes it.

    Args:
        encoder: A built model or layer.
        num_blocks: Int, the number of groups of `blocks(encoder)` to freeze,
            fewer than all. The first group is usually the embedding or the
            stem.

    Raises:
        ValueError: If there are not more than `num_blocks` blocks.

    Example:

    ```python
    import keras_contrastive as kc

    encoder = kc.models.ResNet18(stem="cifar", width=8)
    kc.fine_tuning.freeze_blocks(encoder, 5)
    assert not encoder.get_layer("stage2_block2_2_conv").trainable
    assert encoder.get_layer("stage3_block1_1_conv").trainable
    ```
    """
    groups = blocks(encoder)
    if check_int("num_blocks", num_blocks, 0) >= len(groups):
        raise ValueError(
            f"`num_blocks` must be less than {len(groups)}, the number of "
            "blocks. To train none, set `encoder.trainable = False`. "
            f"Received: num_blocks={num_blocks}"
        )
    for group in groups[:num_blocks]:
        for layer in group:
            freeze(layer)


def _block_name(layer: Any) -> str | None:
    """The path up to the first part with the number of a block."""
    parts = path_of(layer).split("/")
    for place, part in enumerate(parts):
        match = _BLOCK.match(part)
        if match:
            return "/".join([*parts[:place], match.group()])
    return None


def _by_kernel(layers):
    """A group for each layer with a kernel and what follows it."""
    groups = []
    for layer in layers:
        has_kernel = any(len(v.shape) > 1 for v in own_weights(layer))
        if has_kernel or not groups:
            groups.append([])
        groups[-1].append(layer)
    return groups
