"""What is wrong with the files of a data set, and how much of it is."""

import threading
import warnings

EXAMPLES = 5


class Faults:
    """Counts faults, names them in one warning, and refuses too many.

    A few damaged files in ten thousand shouldn't stop a training run, but
    nobody should train on what is left of a broken download. It may be used
    from several threads.

    Args:
        what: what the faults are, such as `"images cannot be read"`.
        total: int, how many things are looked at.
        max_fraction: float in [0, 1), the greatest share that may be faulty.
    """

    def __init__(self, what: str, total: int, max_fraction: float):
        self.what = what
        self.total = total
        self.max_fraction = max_fraction
        self.reasons = {}
        self._warned = 0
        self._lock = threading.Lock()

    def __len__(self):
        return len(self.reasons)

    def add(self, name: str, reason: str = ""):
        """Notes a fault, of the thing of this name, once."""
        with self._lock:
            self.reasons.setdefault(name, reason)

    def check(self):
        """Raises a `ValueError` if there are too many."""
        if len(self) > self.max_fraction * self.total:
            raise ValueError(
                f"{self._description(0)}\nThat is more than "
                f"`max_bad_fraction`={self.max_fraction} allows."
            )

    def warn(self, consequence: str, stacklevel: int = 2):
        """Warns of the faults that no warning has named yet, if any."""
        with self._lock:
            start, self._warned = self._warned, len(self)
        if start < len(self):
            warnings.warn(
                f"{self._description(start)}\n{consequence}",
                stacklevel=stacklevel + 1,
            )

    def _description(self, start):
        with self._lock:
            faults = list(self.reasons.items())
        lines = [
            f"- {name}: {reason}" if reason else f"- {name}"
            for name, reason in faults[start : start + EXAMPLES]
        ]
        if len(faults) > start + EXAMPLES:
            lines.append(f"- and {len(faults) - start - EXAMPLES} more")
        count = f"{len(faults)} of {self.total} {self.what}:"
        return "\n".join([count, *lines])


def check_max_bad_fraction(max_bad_fraction: float):
    try:
        valid = 0 <= max_bad_fraction < 1
    except TypeError:
        valid = False
    if not valid:
        raise ValueError(
            "`max_bad_fraction` must be at least 0 and less than 1. "
            f"Received: max_bad_fraction={max_bad_fraction!r}"
        )
