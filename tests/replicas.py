"""Threads in the place of processes that train together.

For what is computed between replicas; what the backends' own communication
does is in `tests/distribution`, in processes of their own.
"""

import threading
from concurrent.futures import ThreadPoolExecutor


class Replicas:
    """Runs a function in `count` threads, which may exchange values."""

    def __init__(self, count):
        self.count = count
        self._local = threading.local()
        self._barrier = threading.Barrier(count, timeout=300)
        self._sent = [None] * count

    @property
    def rank(self):
        """Which of the threads this one is."""
        return self._local.rank

    def exchange(self, value):
        """What every thread called it with, in the order of their ranks."""
        self._sent[self.rank] = value
        self._barrier.wait()
        received = list(self._sent)
        self._barrier.wait()
        return received

    def run(self, function):
        """The results of `function(rank)`, in that order."""

        def in_thread(rank):
            self._local.rank = rank
            try:
                return function(rank)
            except BaseException:
                self._barrier.abort()
                raise

        with ThreadPoolExecutor(self.count) as threads:
            return list(threads.map(in_thread, range(self.count)))
