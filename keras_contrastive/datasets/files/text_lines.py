"""The lines of UTF-8 text files."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from keras_contrastive.datasets.bad_records import BadRecords


def read_lines(
    path: Path, bad_records: BadRecords
) -> Iterator[tuple[int, str]]:
    """Yields the number (from 1) and the text of each line.

    Only line feeds and carriage returns end a line: `str.splitlines` would
    split a caption at other characters too, such as U+2028. Lines that are not
    UTF-8 are left out and added to `bad_records`.

    Args:
        path: Path of the file.
        bad_records: Counts bad lines. Its `total` grows by the file's lines.
    """
    lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    bad_records.total += len(lines)
    for number, encoded in enumerate(lines, start=1):
        try:
            yield number, encoded.decode("utf-8")
        except UnicodeDecodeError:
            reason = f"{encoded[:80]!r} is not UTF-8"
            bad_records.add(f"{path}, line {number}", reason)
