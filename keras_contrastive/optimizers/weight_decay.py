"""Which variables weight decay leaves alone."""

import re

import keras

_LEARNED_TOKENS = re.compile(r"position|class_token|class_embedding|cls_token")


def exclude_from_weight_decay(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | None = None
) -> None:
    """Leaves what is no matrix of weights out of an optimizer's weight decay.

    These are the variables of rank 0 or 1 (biases, gains of normalisation
    layers, the logit scale), and position embeddings and class tokens by their
    names. Decay pulls a weight towards 0, which regularises a matrix, but for
    a gain, a bias or a temperature 0 is no more likely a value than another.

    Call it once the model has its variables and before training. It adds to
    what the optimizer was told to leave out before.

    Args:
        model: A model or layer that is built; a `ContrastiveModel` is, after
            `compile`, where its encoders are.
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


def leave_undecayed(optimizer, variables):
    """Adds `variables` to those that the optimizer's decay leaves out.

    `Optimizer.exclude_from_weight_decay` forgets what it was told before.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    known = getattr(optimizer, "_exclude_from_weight_decay", set())
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    optimizer.exclude_from_weight_decay(var_list=list(variables))
    optimizer._exclude_from_weight_decay.update(known)
    optimizer._exclude_from_weight_decay_pattern = pattern


def is_decayed(optimizer, variable):
    """Whether the optimizer's weight decay applies to the variable."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    # From Keras 3.16 `_use_weight_decay` needs an optimizer that is built.
    if hasattr(optimizer, "_is_excluded_from_weight_decay"):
        return not optimizer._is_excluded_from_weight_decay(variable)
    return optimizer._use_weight_decay(variable)
