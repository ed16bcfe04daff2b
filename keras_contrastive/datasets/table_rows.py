"""The rows of comma- or tab-separated values, lost quotation marks and all."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from keras_contrastive.datasets.image_files import HEIF_SUFFIXES
from keras_contrastive.datasets.image_files import SUFFIXES


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        number: int, of its first line.
        fields: list of strings.
        quoted: whether quotation marks hold a field together.
        error: str, why the row is not understood, or `None`.
    """

    number: int
    fields: list[str]
    quoted: bool
    error: str | None


def read_rows(lines: list[tuple[int, str]], delimiter: str) -> Iterator[Row]:
    """Splits lines into fields. Blank ones are passed over.

    A field in quotation marks may hold commas, and go on in the next lines.
    Where a mark has no partner only its own line is lost: the field must not
    swallow those that look like rows of images. Between tabs, quotation marks
    are text.

    Args:
        lines: list of pairs of a line's number and its text.
        delimiter: a comma or a tab.
    """
    start = 0
    while start < len(lines):
        number, text = lines[start]
        fields, count, error = text.split(delimiter), 1, None
        quoted = delimiter != "\t" and any(
            field.lstrip(" ").startswith('"') for field in fields
        )
        if quoted:
            try:
                fields, count = _quoted_fields(lines, start, delimiter)
            except csv.Error as reason:
                error = f"not to be split into columns ({reason}): {text[:80]}"
        if any(field.strip() for field in fields):
            yield Row(number, fields, quoted, error)
        start += count


def _quoted_fields(lines, start, delimiter):
    """The fields, and the number of lines that they take."""
    reader = csv.reader(
        # A space behind the closing mark would be an error.
        (lines[i][1].rstrip(" ") + "\n" for i in range(start, len(lines))),
        delimiter=delimiter,
        skipinitialspace=True,
        strict=True,
    )
    fields = next(reader)
    for _, text in lines[start + 1 : start + reader.line_num]:
        if _looks_like_a_row(text, delimiter):
            raise csv.Error("a quotation mark has no partner")
    return fields, reader.line_num


def _looks_like_a_row(text, delimiter):
    fields = [field.strip(' "') for field in text.split(delimiter)]
    return len(fields) > 1 and any(
        Path(field).suffix.lower() in SUFFIXES + HEIF_SUFFIXES
        for field in fields
    )
