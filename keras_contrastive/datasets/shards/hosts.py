"""Determines which part of a stream this process reads."""

import keras

from keras_contrastive import distribution
from keras_contrastive.validation import check_int


def check_hosts(
    num_hosts: int | None,
    host_index: int | None,
    num_parts: int | None = None,
    parts: str = "",
) -> tuple[int, int]:
    """Returns the number of hosts and the index of this one.

    Args:
        num_hosts: Int, or `None` for the processes of `torchrun` or of
            `jax.distributed`. With TensorFlow each process reads everything,
            and `tf.distribute` divides the batches.
        host_index: Int. `None` if and only if `num_hosts` is `None`.
        num_parts: Int, number of parts to divide among hosts; `None` if any
            number of hosts can share the stream.
        parts: The word for the parts in messages.

    Raises:
        ValueError: If only one of `num_hosts` and `host_index` is given, or
            there are more hosts than parts.
    """
    if num_hosts is None and host_index is None:
        num_hosts, host_index = _this_host()
    if num_hosts is None or host_index is None:
        raise ValueError(
            "`num_hosts` and `host_index` must be given together. Received: "
            f"num_hosts={num_hosts}, host_index={host_index}"
        )
    num_hosts = check_int("num_hosts", num_hosts, 1)
    host_index = check_int("host_index", host_index, 0)
    if host_index >= num_hosts:
        raise ValueError(
            "`host_index` must be less than `num_hosts`. "
            f"Received: num_hosts={num_hosts}, host_index={host_index}"
        )
    if num_parts is not None and num_hosts > num_parts:
        raise ValueError(
            f"`num_hosts` must be at most the number of {parts}, {num_parts}. "
            f"Received: {num_hosts}"
        )
    return num_hosts, host_index


def _this_host():
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.process_count(), jax.process_index()
    if backend == "torch":
        return distribution.num_replicas(), distribution.replica_index()
    return 1, 0
