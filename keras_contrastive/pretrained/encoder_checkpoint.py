"""An encoder from a checkpoint of other libraries."""

import os

import keras

from keras_contrastive.pretrained.checkpoint import make_encoder
from keras_contrastive.pretrained.checkpoint import read_checkpoint
from keras_contrastive.validation import check_choice


def from_checkpoint(
    path: str | os.PathLike,
    tower: str | None = None,
    context_length: int | None = None,
    adapter: str | os.PathLike | None = None,
) -> keras.Model:
    """Loads one tower of a CLIP or SigLIP checkpoint as an encoder.

    The checkpoint is one that `CLIPModel.from_checkpoint` reads, or a single
    tower: transformers' `CLIPVisionModel`, `CLIPTextModel` (with or without
    projection), `SiglipVisionModel`, `SiglipTextModel` and those of MetaCLIP 2,
    such as the text encoder of a Stable Diffusion. Use it as a backbone: in a
    `SimCLRModel`, in a `CLIPModel` with another tower, for
    `evaluation.linear_probe`.

    Needs `pip install "keras_contrastive[checkpoints]"`.

    Args:
        path: A folder, or the file of weights in it.
        tower: `"image"` or `"text"`. May be left out if the checkpoint has a
            single tower.
        context_length: Int, the number of positions of a text tower, as in
            `CLIPModel.from_checkpoint`.
        adapter: Folder of a LoRA adapter of peft for these weights, as in
            `CLIPModel.from_checkpoint`.

    Returns:
        A `VisionTransformer`, `CLIPResNet` or `ConvNeXt`, which normalizes
        images in [0, 1] as the files specify; a `TextTransformer`; or
        keras-hub's RoBERTa with the projections that follow it. A projection
        that is saved with a single tower is its last layer. The projections of
        a whole CLIP are left out.

    Raises:
        ValueError: If the checkpoint cannot be read, does not have this tower,
            or has two towers and `tower` is not given.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    kc.CLIPModel(
        kc.models.VisionTransformer(16, 32, 1, 2, input_shape=(32, 32, 3)),
        kc.models.TextTransformer(100, 99, width=32, num_layers=1),
    ).save_checkpoint("clip")  # yours: of a checkpoint
    encoder = kc.models.from_checkpoint("clip", tower="image")
    print(encoder(np.ones((2, 32, 32, 3))).shape)  # (2, 32)
    ```
    """
    check_choice("tower", tower, ("image", "text", None))
    checkpoint = read_checkpoint(path, one_tower=True, adapter=adapter)
    found = [
        name
        for name in ("image", "text")
        if getattr(checkpoint.configuration, name) is not None
    ]
    if tower is None and len(found) > 1:
        raise ValueError(
            '`tower` must be "image" or "text" for a checkpoint with both. '
            f"Received: tower=None with {os.fspath(path)!r}"
        )
    tower = tower or found[0]
    if tower not in found:
        raise ValueError(
            f"`path` must be a checkpoint with the {tower} tower. Received: "
            f"{os.fspath(path)!r} with the {found[0]} tower alone"
        )
    if context_length is not None and tower == "image":
        raise ValueError(
            "`context_length` is of the text tower. Received: "
            f"context_length={context_length} with the image tower"
        )
    return make_encoder(checkpoint, tower, context_length)
