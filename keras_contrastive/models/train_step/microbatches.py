"""A batch in microbatches, and back.

Microbatch `i` of `count` holds the examples `i`, `i + count`, and so on: where
devices share a batch in runs of examples, each keeps the same share of every
microbatch.
"""

import keras
from keras import ops

from keras_contrastive.models.checks import is_float


def count_parts(model, views):
    """How many microbatches the views make, an int or an int tensor.

    Raises:
        ValueError: If the batch is known not to divide, or a layer of the
            model has a loss of its activations.
    """
    for layer in model._flatten_layers():
        if layer.activity_regularizer is not None:
            raise ValueError(
                "`microbatch_size` must be None for a model with an activity "
                "regularizer, whose loss is not one of the whole batch. "
                f"Received: microbatch_size={model.microbatch_size} with the "
                f"layer {layer.path!r}"
            )
    microbatch_size = model.microbatch_size
    batch = ops.shape(keras.tree.flatten(views)[0])[0]
    if isinstance(batch, int) and batch % microbatch_size:
        raise ValueError(
            "`microbatch_size` must divide the batch. Received: "
            f"microbatch_size={microbatch_size} with a batch of {batch}. Drop "
            "a last batch that is smaller (drop_remainder=True)."
        )
    return batch // microbatch_size


def in_parts(tree, count):
    """Each tensor `(batch, ...)` as `(count, batch / count, ...)`."""

    def split(x):
        size = ops.shape(x)[0] // count
        x = ops.reshape(x, (size, count, *x.shape[1:]))
        return ops.moveaxis(x, 1, 0)

    return keras.tree.map_structure(split, tree)


def as_whole(tree):
    """Each tensor `(count, size, ...)` as `(batch, ...)`: undoes `in_parts`."""

    def join(x):
        count, size = ops.shape(x)[:2]
        return ops.reshape(ops.moveaxis(x, 0, 1), (count * size, *x.shape[2:]))

    return keras.tree.map_structure(join, tree)


def floats_of(tree):
    """The tensors that gradients flow into, as a list."""
    return [x for x in keras.tree.flatten(tree) if is_float(x)]


def with_floats(tree, floats):
    """`tree` with `floats` in the place of what `floats_of` gave."""
    floats = iter(floats)
    leaves = [
        next(floats) if is_float(x) else x for x in keras.tree.flatten(tree)
    ]
    return keras.tree.pack_sequence_as(tree, leaves)


def inner_product(floats, slopes):
    """Sum over all elements of what they do to the loss, a float32 scalar."""
    return sum(
        ops.sum(ops.cast(x * slope, "float32"))
        for x, slope in zip(floats, slopes, strict=True)
    )
