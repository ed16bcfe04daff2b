"""What would fail inside a collective on several replicas, said before."""

import keras

from keras_contrastive import distribution


def check_replicas_can(optimizer, steps_per_execution, jit_compile):
    """Raises for arguments of `compile` that Keras' trainer fails with."""
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
    """Raises where arrays make batches that devices cannot share evenly.

    Args:
        arguments: Dict of the arguments of `fit` or `evaluate`. Data that is
            not made of arrays is checked step by step.
    """
    divisor = distribution.batch_divisor()
    if divisor == 1:
        return
    batch_size = arguments.get("batch_size") or 32
    validation_data = arguments.get("validation_data")
    _check_divides("x", arguments.get("x"), batch_size, divisor)
    if isinstance(validation_data, (tuple, list)):
        size = arguments.get("validation_batch_size") or batch_size
        _check_divides("validation_data", validation_data[0], size, divisor)


def _check_divides(name, data, batch_size, divisor):
    arrays = keras.tree.flatten(data)
    if not arrays or not all(hasattr(a, "shape") for a in arrays):
        return
    examples = arrays[0].shape[0]
    last = examples % batch_size
    if min(batch_size, examples) % divisor or last % divisor:
        whole = examples // divisor * divisor
        raise ValueError(
            f"Each batch must be divisible by the {divisor} devices, and so "
            f"must the last one. Received: `{name}` of {examples} examples in "
            f"batches of {batch_size}, the last one of {last or batch_size}. "
            f"Choose a batch size divisible by {divisor}, and leave out the "
            f"examples after the first {whole}, or use a dataset that drops "
            "the last batch (drop_remainder=True)."
        )
