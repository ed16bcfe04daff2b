"""One program over the global batch: JAX, for any number of devices.

Under `keras.distribution`, a JAX program is written for the whole batch and the
compiler splits it. Therefore each array is already gathered.
"""

import contextlib
import pickle
from typing import Any

import keras
import numpy as np


def num_replicas() -> int:
    """Number of programs that share a step: 1."""
    return 1


def replica_index() -> Any:
    """Position of this program among them: 0."""
    return 0


def process_index() -> int:
    """Position of this process in the order of `gather_objects`."""
    import jax

    return jax.process_index()


def is_first_process() -> bool:
    """Whether this is the one process that writes files."""
    return process_index() == 0


def gather_objects(value: Any) -> list:
    """The `value` of each process, in their order; all must call it.

    Args:
        value: Any value that `pickle` can write.
    """
    import jax

    if jax.process_count() == 1:
        return [value]
    from jax.experimental.multihost_utils import process_allgather

    # Only arrays of equal size can be gathered.
    own = np.frombuffer(pickle.dumps(value), "uint8")
    sizes = process_allgather(np.array(own.size, "int32"))
    padded = np.zeros(sizes.max(), "uint8")
    padded[: own.size] = own
    return [
        pickle.loads(bytes(row[:size]))
        for row, size in zip(process_allgather(padded), sizes, strict=True)
    ]


def local_copies(variable: Any) -> list:
    """The values of a variable that replicas of one process hold: none."""
    return []


def scope_of(model: Any) -> contextlib.AbstractContextManager:
    """A context in which `num_replicas` is the model's; it does nothing."""
    return contextlib.nullcontext()


def all_gather(x: Any) -> Any:
    """The rows of `x` of all replicas: `x` itself."""
    return x


def mean_over_replicas(x: Any) -> Any:
    """The mean of `x` over the single replica: `x`."""
    return x


def batch_divisor() -> int:
    """The divisor of a batch size: the number of this process' devices."""
    import jax

    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    axis = mesh.axis_names.index(distribution.batch_dim_name)
    # Each process supplies its part of the batch.
    return max(1, mesh.shape[axis] // jax.process_count())


def whole(outputs):
    """Replicates the outputs of a step, so that every process can read them.

    Args:
        outputs: Pytree of tensors inside a compiled function.
    """
    import jax

    distribution = keras.distribution.distribution()
    if distribution is None or jax.process_count() == 1:
        return outputs
    mesh = distribution.device_mesh.backend_mesh
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    return jax.lax.with_sharding_constraint(outputs, everywhere)


def unscale_loss(loss: Any) -> Any:
    """Undoes Keras' division of a loss by the number of replicas: no-op."""
    return loss


@contextlib.contextmanager
def sums_over_replicas(variables: Any) -> Any:
    """A context for reading metrics, which have a single copy."""
    yield


def start_together(variables: Any) -> None:
    """Does nothing: there is one copy of each variable."""


def assign_equal(variables: list, values: list) -> None:
    """Assigns values that are the same on all replicas to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
