"""Decides whether images are decoded in one thread or in several."""

import statistics
from collections.abc import Sequence

TIMED_IMAGES = 16
# Seconds per image below which one thread is faster than several, which would
# mostly wait for the global interpreter lock.
_FAST = 2e-4


def one_thread_is_faster(seconds: Sequence[float]) -> bool:
    """Whether one thread decodes faster than several.

    Args:
        seconds: For each of the first images, the time that it took in one
            thread. The median counts: the first image also imports its decoder.
    """
    return statistics.median(seconds) < _FAST
