"""Computing what will be asked for next while it isn't asked for yet."""

import threading
from concurrent.futures import ThreadPoolExecutor


class ReadAhead:
    """Calls a function in the background, on the arguments that will follow.

    Args:
        load: function of one hashable argument, called from threads. Equal
            arguments give equal results.
    """

    def __init__(self, load):
        self._load = load
        self._pending = {}
        self._lock = threading.Lock()
        # Two, so that the end of one call overlaps with the start of the next.
        self._pool = ThreadPoolExecutor(2, "read_ahead")

    def get(self, key, following):
        """The result for `key`; those for `following` are begun.

        What was begun before and is in neither is dropped.
        """
        with self._lock:
            wanted = dict.fromkeys([key, *following])
            for stale in self._pending.keys() - wanted.keys():
                self._pending.pop(stale).cancel()
            for each in wanted:
                if each not in self._pending:
                    self._pending[each] = self._pool.submit(self._load, each)
            result = self._pending.pop(key)
        return result.result()
