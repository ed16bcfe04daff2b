"""Excludes variables from weight decay."""

import re

import keras

from keras_contrastive.trainer.keras_internals import leave_undecayed

_LEARNED_TOKENS = re.compile(r"position|class_token|class_embedding|cls_token")


def exclude_from_weight_decay(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | None = None
) -> None:
    """Excludes all but weight matrices from an optimizer's weight decay.

    It excludes the variables of rank 0 or 1 (biases, gains of normalization
    layers, the logit scale), and position embeddings and class tokens by their
    names. Decay pulls a weight toward 0. This regularizes a matrix, but 0 is
    not a more likely value than others for a gain, a bias or a temperature.

    Call it once the model has its variables and before training. Variables
    that the optimizer already excludes stay excluded.

    Args:
        model: A model or layer that is built; after `compile`, a
            `ContrastiveModel` is built if its encoders are.
        optimizer: The optimizer. Defaults to the one that the model is
            compiled with.

    Raises:
        ValueError: If the model has no variables yet, no `optimizer` is given
            for a model that is not compiled, or the optimizer is built.

    Example:

    ```python
    import keras
    import keras_contrastive as kc

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.2), "mse")
    kc.optimizers.exclude_from_weight_decay(model)
    ```

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, section 2.5: decay of all weights that are not
        gains or biases.
    """
    if optimizer is None:
        optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError(
            "`optimizer` must be given for a model that is not compiled. "
            f"Received: optimizer=None with model={model!r}"
        )
    if not model.trainable_variables:
        raise ValueError(
            "`model` must have its trainable variables. Received: a model "
            "without; build it first, for instance by calling it on a batch."
        )
    leave_undecayed(
        optimizer,
        [
            variable
            for variable in model.trainable_variables
            if len(variable.shape) < 2 or _LEARNED_TOKENS.search(variable.path)
        ],
    )
