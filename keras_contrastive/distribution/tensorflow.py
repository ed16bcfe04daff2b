"""Replicas of `tf.distribute` strategies."""

import contextlib
import pickle
from typing import Any

import numpy as np
import tensorflow as tf


def num_replicas() -> int:
    """Number of replicas in sync, 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_index() -> Any:
    """Index of this replica, 0 without a strategy or outside a replica."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def process_index() -> int:
    """Position of this process in the order of `gather_objects`."""
    tasks, own = _tasks()
    return tasks.index(own) if own in tasks else 0


def is_first_process() -> bool:
    """Whether this is the one process that writes files.

    It is the chief of a cluster, or worker 0 if there is no chief. The cluster
    is that of the strategy in scope or, without one, of `TF_CONFIG`.
    """
    tasks, own = _tasks()
    return not tasks or own[0] is None or own == tasks[0]


def _tasks():
    """The training tasks of the cluster, in order, and this process' task.

    Each task is a pair of its type and its index.
    """
    resolver = (
        tf.distribute.get_strategy().cluster_resolver
        or tf.distribute.cluster_resolver.TFConfigClusterResolver()
    )
    cluster = resolver.cluster_spec().as_dict()
    tasks = [
        (kind, index)
        for kind in ("chief", "worker")
        for index in range(len(cluster.get(kind, ())))
    ]
    return tasks, (resolver.task_type or None, resolver.task_id or 0)


def gather_objects(value: Any) -> list:
    """The `value` of each process, chief first; all must call it.

    Args:
        value: Any value that `pickle` can write.
    """
    strategy = tf.distribute.get_strategy()
    tasks, _ = _tasks()
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    if not several or len(tasks) == 1:
        return [value]

    def gather(row):
        # The row is a constant of the graph, on the device of the replica. A
        # tensor from outside would not be on a device that can gather it.
        gathered = strategy.run(
            tf.function(
                lambda: tf.distribute.get_replica_context().all_gather(
                    tf.constant(row[None]), axis=0
                )
            )
        )
        # The result has a row per replica; a process may have several.
        rows = strategy.experimental_local_results(gathered)[0].numpy()
        return rows[:: num_replicas() // len(tasks)]

    # Pads to arrays of equal size, in a dtype that every device can gather.
    own = np.frombuffer(pickle.dumps(value), "uint8").astype("int32")
    sizes = gather(np.array([own.size], "int32"))[:, 0]
    padded = np.zeros(sizes.max(), "int32")
    padded[: own.size] = own
    return [
        pickle.loads(row[:size].astype("uint8").tobytes())
        for row, size in zip(gather(padded), sizes, strict=True)
    ]


def local_copies(variable: Any) -> list:
    """The values of a variable that the replicas of this process hold.

    They may differ for variables that are not trained. For example, the values
    of metrics are summed when they are read.
    """
    if num_replicas() == 1:
        return []
    strategy = tf.distribute.get_strategy()
    return list(strategy.experimental_local_results(variable.value))


def scope_of(model: Any) -> contextlib.AbstractContextManager:
    """A context in which `num_replicas` is that of the model.

    It is the scope of the strategy that the model was created under.
    """
    return model.distribute_strategy.scope()


def all_gather(x: Any) -> Any:
    """Concatenates the rows of `x` over the replicas, in replica order.

    Differentiable: the gradient of a row is the sum of its upstream gradients
    from all replicas. Returns `x` itself on one replica, and outside a replica,
    where Keras builds the model symbolically.

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
    # Restores the static shape that TensorFlow loses.
    return tf.ensure_shape(gathered, (None, *x.shape[1:]))


def mean_over_replicas(x: Any) -> Any:
    """The mean of `x` over the replicas, on each replica; differentiable."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, x)


def _of_equal_size(x, context):
    """`x`, after a check that all replicas have equally many rows."""
    rows = tf.shape(x)[:1]
    check = tf.debugging.assert_equal(
        context.all_gather(rows, axis=0),
        rows,
        "Each replica must get equally many examples. The batch size must be "
        f"divisible by the {context.num_replicas_in_sync} replicas, and the "
        "last batch must be as large as the others: drop a smaller one with "
        "dataset.batch(batch_size, drop_remainder=True).",
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(x)


def assign_equal(variables: list, values: list) -> None:
    """Assigns values that are the same on all replicas to variables.

    A replica cannot assign to Keras' untrained variables, since they have no
    rule to combine different values.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return

    def assign(strategy, values):
        for variable, value in zip(variables, values, strict=True):
            strategy.extended.update(
                variable.value, lambda v, x: v.assign(x), args=(value,)
            )

    context.merge_call(assign, args=(values,))


@contextlib.contextmanager
def sums_over_replicas(variables: Any) -> Any:
    """A context for reading metrics, whose variables are already sums."""
    yield


def start_together(variables: Any) -> None:
    """Does nothing: a strategy keeps its copies of a variable equal."""


def batch_divisor() -> int:
    """The divisor of the global batch size: the number of replicas."""
    return num_replicas()


def first_batch(epoch_iterator):
    """The part of the next batch that one local replica receives."""
    _, _, iterator = next(iter(epoch_iterator))
    return first_part(next(iterator))


def first_part(batch):
    """The part of a batch that one local replica receives."""
    strategy = tf.distribute.get_strategy()
    return tf.nest.map_structure(
        lambda values: strategy.experimental_local_results(values)[0], batch
    )


def unscale_loss(loss: Any) -> Any:
    """Undoes Keras' division of a loss by the number of replicas.

    Keras divides it because the strategy sums the gradients. The logged loss is
    the mean.
    """
    return loss * num_replicas()
