"""Replicas of `tf.distribute` strategies."""

import contextlib
from typing import Any

import tensorflow as tf


def num_replicas() -> int:
    """Number of replicas in sync, 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_index() -> Any:
    """Index of this replica, 0 without a strategy or outside a replica."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def is_first_process() -> bool:
    """Whether this process is the one of several that writes files."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    return resolver is None or not resolver.task_id


def all_gather(x: Any) -> Any:
    """Concatenates the rows of `x` over the replicas, in replica order.

    Differentiable: the gradient of a row is the sum of what all replicas send
    back to it. Returns `x` itself on one replica, and outside a replica, where
    Keras builds the model symbolically.

    Args:
        x: Tensor of shape `(local_batch, ...)`, the same shape on each replica.

    Returns:
        Tensor of shape `(num_replicas * local_batch, ...)`.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    if x.shape[0] is None:
        x = _of_equal_size(x, context)
    gathered = context.all_gather(x, axis=0)
    # What TensorFlow forgets.
    return tf.ensure_shape(gathered, (None, *x.shape[1:]))


def mean_over_replicas(x: Any) -> Any:
    """The mean of `x` over the replicas, in each of them; differentiable."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, x)


def _of_equal_size(x, context):
    """`x`, after a check that all replicas have as many rows of it."""
    rows = tf.shape(x)[:1]
    check = tf.debugging.assert_equal(
        context.all_gather(rows, axis=0),
        rows,
        "Each replica must get as many examples. The batch size must be "
        f"divisible by the {context.num_replicas_in_sync} replicas, and the "
        "last batch must be as large as the others: drop it where it is not, "
        "by dataset.batch(batch_size, drop_remainder=True).",
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(x)


@contextlib.contextmanager
def sums_over_replicas(variables: Any) -> Any:
    """A context for reading metrics: their variables are sums already."""
    yield


def start_together(variables: Any) -> None:
    """Nothing: a strategy keeps its copies of a variable equal."""


def batch_divisor() -> int:
    """What the size of a batch, that of all replicas, must be divisible by."""
    return num_replicas()


def first_batch(epoch_iterator):
    """The part of the next batch that one local replica gets."""
    strategy = tf.distribute.get_strategy()
    _, _, iterator = next(iter(epoch_iterator))
    return tf.nest.map_structure(
        lambda values: strategy.experimental_local_results(values)[0],
        next(iterator),
    )


def unscale_loss(loss: Any) -> Any:
    """Undoes Keras' division of a loss by the number of replicas.

    Keras divides, since the strategy sums the gradients; what is shown to
    people is the mean.
    """
    return loss * num_replicas()
