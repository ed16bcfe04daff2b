"""Splits a batch into microbatches, and joins them again.

Microbatch `i` of `count` holds the examples `i`, `i + count`, and so on. If
each device holds a contiguous part of the batch, it then holds an equal part
of every microbatch.
"""

import keras
from keras import ops

from keras_contrastive.data_validation import is_float
from keras_contrastive.trainer.data_checks import not_divided
from keras_contrastive.trainer.keras_internals import clear_losses
from keras_contrastive.trainer.keras_internals import layers_with_losses


def draw_views(model, x):
    """Draws the random numbers of all views, as the input of `finish_views`."""
    if _draws_first(model):
        return model.draw_views(x)
    return model.make_views(x, training=True)


def finish_views(model, part):
    """The views of a microbatch."""
    return model.finish_views(part) if _draws_first(model) else part


def _draws_first(model):
    # If a subclass overrides `make_views` alone, that method defines the views,
    # and the inherited `draw_views` does not fit it.
    for cls in type(model).__mro__:
        if "draw_views" in vars(cls):
            return True
        if "make_views" in vars(cls):
            return False
    return False


def count_parts(model, views):
    """The number of microbatches of the views, an int or an int tensor.

    Raises:
        ValueError: If the batch is known not to divide into microbatches.
    """
    clear_losses(model)
    microbatch_size = model.microbatch_size
    batch = ops.shape(keras.tree.flatten(views)[0])[0]
    if isinstance(batch, int) and batch % microbatch_size:
        raise ValueError(not_divided(microbatch_size, batch))
    return batch // microbatch_size


def embed(model, part):
    """The embeddings of a microbatch.

    Raises:
        ValueError: If a layer adds a loss, which would be computed on the
            microbatch instead of the whole batch.
    """
    embeddings = model.embed(part, training=True)
    for layer in layers_with_losses(model):
        raise ValueError(
            "`microbatch_size` must be None for a model with an activity "
            "regularizer or `add_loss`, since such a loss need not be the sum "
            "of the losses of microbatches. Received: microbatch_size="
            f"{model.microbatch_size} with a loss of the layer {layer.path!r}"
        )
    return embeddings


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
    """The float tensors, which are those with gradients, as a list."""
    return [x for x in keras.tree.flatten(tree) if is_float(x)]


def with_floats(tree, floats):
    """`tree` with the tensors of `floats_of` replaced by `floats`."""
    floats = iter(floats)
    leaves = [
        next(floats) if is_float(x) else x for x in keras.tree.flatten(tree)
    ]
    return keras.tree.pack_sequence_as(tree, leaves)


def inner_product(floats, slopes):
    """Inner product of tensors and upstream gradients, a float32 scalar."""
    return sum(
        ops.sum(ops.cast(x * slope, "float32"))
        for x, slope in zip(floats, slopes, strict=True)
    )
