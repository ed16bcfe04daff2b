"""Shows each warning in one line, and those of bad records at the end."""

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def summarized_warnings() -> Iterator[None]:
    """A context that warns of all bad records once, when it ends.

    A command reads the same files several times, for training and for the
    report. Other warnings are shown immediately, each text only once.
    """
    of_records, texts = [], set()
    showwarning, formatwarning = warnings.showwarning, warnings.formatwarning

    def show(message, *args, **kwargs):
        if hasattr(message, "bad_records"):  # a BadRecordsWarning
            of_records.append(message)
        elif str(message) not in texts:
            texts.add(str(message))
            showwarning(message, *args, **kwargs)

    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = showwarning
        summary = _summary(of_records)
        if summary:
            warnings.warn(summary, stacklevel=3)
        warnings.formatwarning = formatwarning


def _summary(of_records):
    """A paragraph for each of the `BadRecords` that names a new file."""
    newest = {id(each.bad_records): each for each in of_records}
    named, paragraphs = set(), []
    for warning in newest.values():
        # The index in "records[3], a.png" may differ between two passes.
        files = {
            name.partition("], ")[2] or name
            for name in warning.bad_records.reasons
        }
        if not files <= named:
            paragraphs.append(
                f"{warning.bad_records.describe()}\n{warning.consequence}"
            )
        named |= files
    return "\n".join(paragraphs)
