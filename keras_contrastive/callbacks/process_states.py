"""Combines the state of several processes in one checkpoint."""

import hashlib

from keras_contrastive import distribution


def gather_states(arrays):
    """Joins the states of all processes; all must call it.

    Args:
        arrays: Dict of the NumPy arrays of this process.

    Returns:
        Dict of the first process' arrays. If another process has a different
        value of an array, the dict also holds that value, under a name that
        starts with `process_` and the index of the process.
    """
    digests = {name: _digest(array) for name, array in arrays.items()}
    first, *_ = every = distribution.gather_objects(digests)
    if len(every) == 1:
        return arrays
    others = distribution.gather_objects(
        {
            name: array
            for name, array in arrays.items()
            if digests[name] != first[name]
        }
    )
    return arrays | {
        f"process_{index}/{name}": array
        for index, different in enumerate(others)
        for name, array in different.items()
    }


def own_state(arrays):
    """The part of `gather_states` that came from this process."""
    prefix = f"process_{distribution.process_index()}/"
    own = {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    return common_state(arrays) | own


def common_state(arrays):
    """The part of `gather_states` that came from the first process."""
    return {
        name: array
        for name, array in arrays.items()
        if not name.startswith("process_")
    }


def _digest(array):
    header = f"{array.dtype} {array.shape}".encode()
    return hashlib.sha256(header + array.tobytes()).digest()
