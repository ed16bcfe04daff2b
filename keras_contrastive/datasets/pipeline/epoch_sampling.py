"""The random choices of one epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class EpochSample(NamedTuple):
    """The random choices of one epoch, a function of the seed and the epoch.

    Attributes:
        order: Int array, shape `(n,)`: the records in the epoch's order.
        uniform: Float array, shape `(n,)`, in [0, 1): a number for each
            record, by which a data set chooses among the record's captions.
    """

    order: np.ndarray
    uniform: np.ndarray


def sample_epoch(
    seed: int, epoch: int, num_records: int, shuffle: bool
) -> EpochSample:
    """Draws the random choices of an epoch."""
    generator = _generator(seed, epoch)
    order = generator.permutation(num_records)
    uniform = generator.random(num_records)
    return EpochSample(order if shuffle else np.arange(num_records), uniform)


def sample_substitutes(
    seed: int, epoch: int, position: int, order: np.ndarray
) -> Iterator[int]:
    """Endless indices of records to replace a bad one at a position."""
    generator = _generator(seed, epoch, position)
    while True:
        yield int(order[generator.integers(len(order))])


def _generator(seed, *path):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))
