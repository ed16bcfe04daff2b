"""Low-rank adapters (LoRA) in any encoder."""

import re

import keras
from keras import ops

from keras_contrastive.fine_tuning.own_weights import freeze
from keras_contrastive.fine_tuning.own_weights import own_weights
from keras_contrastive.fine_tuning.own_weights import path_of
from keras_contrastive.fine_tuning.unfreeze import unfreeze
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import clear_functions
from keras_contrastive.trainer.keras_internals import has_adapter
from keras_contrastive.trainer.keras_internals import remove_adapter
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_pattern
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int


def enable_lora(
    model: keras.Layer,
    rank: int = 8,
    alpha: float | None = None,
    layers: str | None = None,
) -> list[keras.Layer]:
    """Adds low-rank adapters to a model, and freezes all of its other weights.

    The kernel W of each adapted layer is frozen and becomes

    `W + alpha / rank * A B`

    with trainable A of shape `(..., rank)` and B of shape `(rank, ...)`, in
    float32. B starts at 0, so the outputs of the model do not change at first.
    Biases, gains, position embeddings and batch statistics are frozen too, so
    only the adapters have gradients and optimizer state.

    The adapters are Keras' own (`layer.enable_lora`). Call this before
    `compile`. The adapters of a frozen model are trained too. To adapt one
    tower of a `CLIPModel` and train its projection, pass the encoder:
    `enable_lora(model.text_encoder)`.

    **Saving.** `merge_lora` adds the adapters to the kernels, which removes
    their cost. Call it before `save` or `save_checkpoint`. Keras' files never
    hold adapters: `model.save` writes merged kernels, and `load_model` returns
    adapters whose A and B are zero, which do not train. `enable_lora` on the
    loaded model replaces them by new adapters. `callbacks.Checkpoint` saves and
    resumes the adapters themselves.

    Args:
        model: A built model or layer: an encoder of ours, of
            keras.applications or keras-hub, or a `CLIPModel`.
        rank: Int, rank of the update. 4 to 16 are usual.
        alpha: Positive float, scale of the update. Defaults to `rank`, a
            scale of 1.
        layers: Regular expression. Layers are adapted if it is found in their
            path (`re.search`): `Dense`, `EinsumDense`, convolutions and
            `Embedding`. Defaults to all `Dense` and `EinsumDense` layers. The
            paths of a `VisionTransformer` are `block1/qkv`,
            `block1/attention_output`, `block1/mlp_hidden`, ....

    Returns:
        The adapted layers.

    Raises:
        ValueError: If the model is not built, a number is not positive, no
            layer is found, or a layer has adapters that were trained.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.VisionTransformer(
        8, width=32, num_layers=2, num_heads=2, input_shape=(32, 32, 3)
    )
    kc.fine_tuning.enable_lora(encoder, rank=4, layers="qkv")
    print(sum(np.prod(v.shape) for v in encoder.trainable_variables))  # 1024
    ```

    Reference:
        Hu et al., 2022, LoRA: Low-Rank Adaptation of Large Language Models,
        section 4.1.
    """
    check_layer("model", model)
    rank = check_positive_int("rank", rank)
    alpha = rank if alpha is None else check_positive("alpha", alpha)
    if not model.built:
        raise ValueError(
            "`model` must be built; call it on a batch first. "
            f"Received: {model!r}"
        )
    chosen = _choose(model, layers)
    if trained := [layer for layer in chosen if has_adapter(layer)]:
        for layer in trained:
            _check_is_merged(layer)
        for layer in trained:
            remove_adapter(layer)
    # In a frozen layer, adapters would never train.
    unfreeze(model)
    for layer in all_layers(model):
        if layer in chosen:
            layer.enable_lora(rank, lora_alpha=alpha)
            for weight in own_weights(layer):
                weight.trainable = "lora_" in weight.name
        else:
            freeze(layer)
    clear_functions(model)
    return chosen


def merge_lora(model: keras.Layer) -> list[keras.Layer]:
    """Adds the adapters of `enable_lora` to the kernels, and removes them.

    The outputs of the model stay the same, up to rounding. It has the same
    variables as before `enable_lora`, but all are frozen: `unfreeze` makes them
    trainable again. Call `compile` again before more training.

    Args:
        model: A model or layer.

    Returns:
        The layers that had adapters, possibly none.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.VisionTransformer(
        8, width=32, num_layers=2, num_heads=2, input_shape=(32, 32, 3)
    )
    kc.fine_tuning.enable_lora(encoder)
    kc.fine_tuning.merge_lora(encoder)
    encoder.save("encoder.keras")
    ```
    """
    check_layer("model", model)
    adapted = [layer for layer in all_layers(model) if has_adapter(layer)]
    for layer in adapted:
        remove_adapter(layer)
        for variable in own_weights(layer):
            variable.trainable = False
    clear_functions(model)
    return adapted


def _choose(model, pattern):
    """The layers to adapt."""
    able = [
        layer
        for layer in all_layers(model)
        if hasattr(layer, "lora_enabled") and layer.variables
    ]
    if pattern is None:
        kinds = (keras.layers.Dense, keras.layers.EinsumDense)
        chosen = [layer for layer in able if isinstance(layer, kinds)]
    else:
        check_pattern("layers", pattern)
        chosen = [layer for layer in able if re.search(pattern, path_of(layer))]
    if not chosen:
        paths = sorted(path_of(layer) for layer in able)
        raise ValueError(
            "`layers` must be found in the path of a layer that can be "
            f"adapted. Received: layers={pattern!r}, where there are "
            f"{len(paths)}: {paths[:8]}"
        )
    return chosen


def _check_is_merged(layer):
    """Raises unless A and B are zero, as `load_model` leaves them."""
    adapter = [v for v in own_weights(layer) if "lora_" in v.name]
    if any(bool(ops.any(ops.not_equal(each, 0))) for each in adapter):
        raise ValueError(
            "`model` has adapters already; `merge_lora(model)` adds them to "
            f"the kernels first. Received: {path_of(layer)!r} with an adapter"
        )
