"""The bad records of a data set: files, rows, lines or examples."""

import threading
import warnings
from typing import Any

EXAMPLES = 5  # bad records that a message names


class BadRecordsWarning(UserWarning):
    """A warning of bad records.

    Attributes:
        bad_records: The `BadRecords`.
        consequence: String, what is done with them.
    """

    def __init__(self, message: str, bad_records: Any, consequence: str):
        super().__init__(message)
        self.bad_records = bad_records
        self.consequence = consequence


class BadRecords:
    """Counts bad records, names them in one warning, and raises on too many.

    A few damaged files among ten thousand should not stop a training run, but
    an incomplete download should. Thread-safe.

    Args:
        what: Completes "2 of 11 ...", such as `"images cannot be read"`.
        total: Int, the number of records.
        max_fraction: Float in [0, 1), the largest fraction that may be bad.

    Attributes:
        reasons: Dict from the names of the bad records to their errors.
    """

    def __init__(self, what: str, total: int, max_fraction: float):
        self.what = what
        self.total = total
        self.max_fraction = max_fraction
        self.reasons: dict[str, str] = {}
        self._warned = 0
        self._lock = threading.Lock()

    def __len__(self):
        return len(self.reasons)

    def add(self, name: str, reason: str = ""):
        """Adds a bad record. Each name counts once."""
        with self._lock:
            self.reasons.setdefault(name, reason)

    def check(self):
        """Raises a `ValueError` if there are too many."""
        if len(self) > self.max_fraction * self.total:
            raise ValueError(
                f"{self.describe()}\nAt most {100 * self.max_fraction:.3g}% "
                "may be bad (`max_bad_fraction`)."
            )

    def warn(self, consequence: str, stacklevel: int = 2):
        """Warns of the bad records that were added since the last warning."""
        with self._lock:
            start, self._warned = self._warned, len(self)
        if start < len(self):
            message = f"{self.describe(start)}\n{consequence}"
            warnings.warn(
                BadRecordsWarning(message, self, consequence),
                stacklevel=stacklevel + 1,
            )

    def describe(self, start: int = 0) -> str:
        """The number of bad records, and examples from index `start` on."""
        with self._lock:
            reasons = list(self.reasons.items())
        lines = _lines(reasons[start : start + EXAMPLES])
        if len(reasons) > start + EXAMPLES:
            lines.append(f"- and {len(reasons) - start - EXAMPLES} more")
        count = f"{len(reasons)} of {self.total} {self.what}:"
        return "\n".join([count, *lines])


def _lines(named_reasons):
    """One line per record, without repeated paths and reasons."""
    lines, previous = [], ""
    for name, reason in named_reasons:
        path = name.partition("], ")[2]
        repeated = f"The image {path!r} "
        if reason.startswith(repeated):
            reason = f"The image {reason.removeprefix(repeated)}"
        said = "the same" if reason == previous else reason
        lines.append(f"- {name}: {said}" if reason else f"- {name}")
        previous = reason
    return lines
