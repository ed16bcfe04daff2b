"""Rows of comma- or tab-separated values, even with unmatched quotes."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

from keras_contrastive.datasets.files.image_files import HEIF_SUFFIXES
from keras_contrastive.datasets.files.image_files import SUFFIXES


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        number: Int, number of the row's first line.
        fields: List of strings.
        quoted: Whether a field is in quotation marks.
        error: Why the row cannot be parsed, or `None`.
    """

    number: int
    fields: list[str]
    quoted: bool
    error: str | None


def delimiter_of(path: Path, lines: list[tuple[int, str]]) -> str:
    """The delimiter of a file: a tab in `.tsv`, or that of its first row."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    header = next((text for _, text in lines if text.strip()), "")
    # Spreadsheets write semicolons in locales with decimal commas.
    found = (each for each in (",", ";", "\t") if each in header)
    return next(found, ",")


def read_rows(lines: list[tuple[int, str]], delimiter: str) -> Iterator[Row]:
    """Splits lines into fields, and skips blank lines.

    In comma-separated values, a field in quotation marks may contain commas and
    continue on the next lines. An unmatched quotation mark invalidates only its
    own line: a field cannot include following lines that look like rows of
    images. In tab-separated values, quotation marks are ordinary characters.

    Args:
        lines: List of pairs of a line's number and its text.
        delimiter: A comma, a semicolon or a tab.
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
                error = f"cannot be split into columns ({reason}): {text[:80]}"
        if any(field.strip() for field in fields):
            yield Row(number, fields, quoted, error)
        start += count


def fields_by_name(
    row: Row,
    header: list[str],
    delimiter: str,
    free_text: Any,
    needed: set[str],
) -> dict[str, str]:
    """The fields of a row of delimited values, by the name of the column.

    Args:
        row: Row of the table.
        header: List of the names of the columns.
        delimiter: What separates the fields.
        free_text: The column that takes the rest of a row if there are two
            columns and unquoted delimiters, or `None`.
        needed: Set of required columns.

    Raises:
        ValueError: If the row cannot be parsed or has the wrong number of
            fields.
    """
    if row.error:
        raise ValueError(row.error)
    fields, surplus = row.fields, len(row.fields) - len(header)
    is_text = len(header) == 2 and free_text in header and not row.quoted
    if surplus > 0 and is_text:
        # Two columns: the text is the rest of the row, commas included.
        place = header.index(free_text)
        end = place + surplus + 1
        text = delimiter.join(fields[place:end])
        fields = [*fields[:place], text, *fields[end:]]
    elif surplus > 0 or not needed <= set(header[: len(fields)]):
        raise ValueError(
            f"{len(fields)} columns instead of {len(header)} as in the first "
            f"row: {delimiter.join(fields)[:80]}"
        )
    return dict(zip(header, fields, strict=False))


def _quoted_fields(lines, start, delimiter):
    """The fields of a row, and the number of lines that it spans."""
    reader = csv.reader(
        # `csv` raises on a space after the closing quotation mark.
        (lines[i][1].rstrip(" ") + "\n" for i in range(start, len(lines))),
        delimiter=delimiter,
        skipinitialspace=True,
        strict=True,
    )
    fields = next(reader)
    for _, text in lines[start + 1 : start + reader.line_num]:
        if _looks_like_a_row(text, delimiter):
            raise csv.Error("unmatched quotation mark")
    return fields, reader.line_num


def _looks_like_a_row(text, delimiter):
    fields = [field.strip(' "') for field in text.split(delimiter)]
    return len(fields) > 1 and any(
        Path(field).suffix.lower() in SUFFIXES + HEIF_SUFFIXES
        for field in fields
    )
