"""Replicas of `tf.distribute` strategies."""

import tensorflow as tf


def num_replicas():
    """Number of replicas in sync, 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_index():
    """Index of this replica, 0 without a strategy or outside a replica."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def all_gather(x):
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
    return context.all_gather(x, axis=0)


def unscale_loss(loss):
    """Undoes Keras' division of a loss by the number of replicas.

    Keras divides, since the strategy sums the gradients; what is shown to
    people is the mean.
    """
    return loss * num_replicas()
