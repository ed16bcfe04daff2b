"""Checks arguments before a collective can fail on several replicas."""

import math

import keras
import numpy as np

from keras_contrastive import distribution


def check_replicas_can(optimizer, steps_per_execution, jit_compile):
    """Raises for `compile` arguments that make Keras' trainer fail."""
    if keras.backend.backend() != "tensorflow":
        return
    if distribution.num_replicas() == 1:
        return
    steps = getattr(optimizer, "gradient_accumulation_steps", None)
    for name, value, usable in (
        ("steps_per_execution", steps_per_execution, (1,)),
        ("jit_compile", jit_compile, ("auto", False)),
        ("gradient_accumulation_steps", steps, (None, 1)),
    ):
        if value not in usable:
            raise ValueError(
                f"`{name}` must be {usable[0]!r} under a tf.distribute "
                "strategy, where Keras does not support others. "
                f"Received: {name}={value!r}"
            )


def check_batches_divide(arguments):
    """Raises if the devices cannot share the batches of arrays evenly.

    Args:
        arguments: Dict of the arguments of `fit` or `evaluate`. The steps check
            data that does not consist of arrays.
    """
    divisor = distribution.batch_divisor()
    if divisor == 1:
        return
    batch_size = arguments.get("batch_size") or 32
    validation_size = arguments.get("validation_batch_size") or batch_size
    validation_steps = arguments.get("validation_steps")
    examples = count_examples(arguments.get("x"))
    # `evaluate` has `steps`; `fit` reads its data continuously across epochs.
    steps = arguments.get("steps")
    if arguments.get("steps_per_epoch"):
        epochs = arguments.get("epochs", 1) - arguments.get("initial_epoch", 0)
        steps = arguments["steps_per_epoch"] * epochs
    validation_data = arguments.get("validation_data")
    split = arguments.get("validation_split")
    name = "`x`"
    if validation_data is not None:
        validation_x, *_ = keras.utils.unpack_x_y_sample_weight(validation_data)
        _check_divides(
            "`validation_data`",
            count_examples(validation_x),
            validation_size,
            divisor,
            validation_steps,
        )
    elif split and examples is not None:
        # The same split as in Keras.
        name = f"`x` before the `validation_split` of {split}"
        train = math.floor(examples * (1 - split))
        _check_divides(
            f"`x` in the `validation_split` of {split}",
            examples - train,
            validation_size,
            divisor,
            validation_steps,
        )
        examples = train
    _check_divides(name, examples, batch_size, divisor, steps)


def count_examples(data):
    """Number of examples in arrays; `None` for data of other kinds."""
    arrays = [x for x in keras.tree.flatten(data) if x is not None]
    if not arrays or not all(_is_array(x) for x in arrays):
        return None
    shape = getattr(arrays[0], "shape", None) or np.shape(arrays[0])
    return int(shape[0]) if len(shape) else None


def _check_divides(name, examples, batch_size, divisor, steps):
    if not examples:
        return
    whole, last = divmod(examples, batch_size)
    sizes = [batch_size] * min(whole, 1)
    # If there are no more steps than full batches, the last batch is not read.
    if last and (not steps or steps > whole):
        sizes.append(last)
    if any(size % divisor for size in sizes):
        raise ValueError(
            f"Each batch must be divisible by the {divisor} devices, and so "
            f"must the last one. Received: {name} of {examples} examples in "
            f"batches of {batch_size}, the last one of {last or batch_size}. "
            f"Choose a batch size divisible by {divisor}, and leave out the "
            f"examples after the first {examples // divisor * divisor}, or use "
            "a dataset that drops the last batch (drop_remainder=True)."
        )


def _is_array(x):
    return hasattr(x, "shape") or hasattr(x, "__array__")
