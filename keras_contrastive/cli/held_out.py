"""Which images a run of CLIP is not trained on."""

import numpy as np


def split(records):
    """Records to train on, and those held out: the same ones every time."""
    order = np.random.default_rng(0).permutation(len(records))
    held_out = set(order[: max(1, min(1000, len(records) // 10))].tolist())
    return (
        [each for i, each in enumerate(records) if i not in held_out],
        [each for i, each in enumerate(records) if i in held_out],
    )
