"""The random choices of one epoch over images with captions."""

from typing import NamedTuple

import numpy as np


class EpochDraws(NamedTuple):
    """What is drawn for an epoch.

    Attributes:
        order: int array, shape `(n,)`: the records in the epoch's order.
        captions: float array, shape `(n,)`, in [0, 1): which caption of each
            record, as a fraction of how many it has.
    """

    order: np.ndarray
    captions: np.ndarray

    def choose_caption(self, index: int, captions: tuple[str, ...]) -> str:
        return captions[int(self.captions[index] * len(captions))]


def draw_epoch(
    seed: int, epoch: int, num_records: int, shuffle: bool, caption: str
) -> EpochDraws:
    """A function of its arguments: no state is left from other epochs."""
    generator = random_generator(seed, epoch)
    order = generator.permutation(num_records)
    captions = generator.random(num_records)
    if not shuffle:
        order = np.arange(num_records)
    if caption == "first":
        captions = np.zeros(num_records)
    return EpochDraws(order, captions)


def draw_substitutes(seed: int, epoch: int, place: int, draws: EpochDraws):
    """Endless indices of records for a place whose own can't be read."""
    generator = random_generator(seed, epoch, place)
    while True:
        yield int(draws.order[generator.integers(len(draws.order))])


def random_generator(seed, *path):
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=path))
