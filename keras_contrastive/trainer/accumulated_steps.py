"""Steps with Keras' `gradient_accumulation_steps`."""

from typing import Any

import keras
from keras import ops

from keras_contrastive.trainer.keras_internals import step_counter


def steps_per_update(optimizer: keras.optimizers.Optimizer) -> int:
    """The number of steps whose gradients make up one update of the weights."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return getattr(optimizer, "gradient_accumulation_steps", None) or 1


def has_updated(optimizer: keras.optimizers.Optimizer) -> Any:
    """Whether the step that just ended updated the weights.

    Returns:
        `True`, or with `gradient_accumulation_steps` a boolean scalar tensor.
    """
    steps = steps_per_update(optimizer)
    if steps == 1:
        return True
    counter = ops.convert_to_tensor(step_counter(optimizer))
    return ops.equal(ops.mod(counter, steps), 0)
