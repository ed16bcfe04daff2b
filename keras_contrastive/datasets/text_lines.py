"""The lines of a text file, and those that are not UTF-8."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from keras_contrastive.datasets.faults import Faults


def read_lines(path: Path, faults: Faults) -> Iterator[tuple[int, str]]:
    """The number, from 1, and the text of each line.

    Only line feeds and carriage returns end a line: `str.splitlines` would
    split a caption at other characters too, such as U+2028. Lines that are not
    UTF-8 are added to `faults` and left out; one line in another encoding
    doesn't cost the others.

    Args:
        path: of the file.
        faults: `Faults` of lines. Its `total` grows by the file's lines.
    """
    lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    faults.total += len(lines)
    for number, encoded in enumerate(lines, start=1):
        try:
            yield number, encoded.decode("utf-8")
        except UnicodeDecodeError:
            reason = f"{encoded[:80]!r} is not UTF-8"
            faults.add(f"{path}, line {number}", reason)
