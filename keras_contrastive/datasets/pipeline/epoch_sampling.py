"""The random choices of one epoch."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from keras_contrastive.datasets.tables.table import Blocks


class EpochSample(NamedTuple):
    """The random choices of one epoch, a function of the seed and the epoch.

    Attributes:
        order: Int array, shape `(n,)`: the records in the epoch's order.
        uniform: Float array, shape `(n,)`, in [0, 1): a number per record that
            selects one of its captions.
    """

    order: np.ndarray
    uniform: np.ndarray


def sample_epoch(
    seed: int,
    epoch: int,
    num_records: int,
    shuffle: bool,
    blocks: Blocks | None = None,
) -> EpochSample:
    """Draws the random choices of an epoch.

    Args:
        seed: Int.
        epoch: Int.
        num_records: Int.
        shuffle: Whether the order is random.
        blocks: Blocks of records that are read together, or `None`. The order
            uses few blocks at any moment.
    """
    generator = _generator(seed, epoch)
    order = generator.permutation(num_records)
    uniform = generator.random(num_records)
    if not shuffle:
        order = np.arange(num_records)
    elif blocks is not None:
        order = _order_of_blocks(generator, blocks)
    return EpochSample(order, uniform)


def _order_of_blocks(generator, blocks):
    """A random order of records that uses about `window` blocks at a time.

    The blocks start one after the other, in a random order. Each record of a
    block comes at a random time during the starts of the next `window` blocks.
    """
    _, numbers = np.unique(blocks.of_rows, return_inverse=True)
    starts = generator.permutation(numbers.max() + 1)[numbers]
    moments = starts + blocks.window * generator.random(len(numbers))
    return np.argsort(moments)


def sample_substitutes(
    seed: int, epoch: int, position: int, order: np.ndarray
) -> Iterator[int]:
    """Yields, endlessly, indices of records to replace a bad one."""
    generator = _generator(seed, epoch, position)
    while True:
        yield int(order[generator.integers(len(order))])


def _generator(seed, *path):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))
