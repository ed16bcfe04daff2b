"""Reads tables from text files: CSV, TSV or JSON lines."""

import json
from collections.abc import Hashable
from pathlib import Path

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.table_rows import delimiter_of
from keras_contrastive.datasets.files.table_rows import fields_by_name
from keras_contrastive.datasets.files.table_rows import read_rows
from keras_contrastive.datasets.files.text_lines import read_lines
from keras_contrastive.datasets.tables.table import ColumnTable

DELIMITED_SUFFIXES = (".csv", ".tsv")
JSON_SUFFIXES = (".jsonl", ".ndjson")


def read_text_table(
    path: Path, free_text: Hashable | None, max_bad_fraction: float
) -> ColumnTable:
    """Reads a table from a UTF-8 text file.

    Lines that cannot be parsed are left out and named in a warning.

    Args:
        path: Path of a `.csv`, `.tsv`, `.jsonl` or `.ndjson` file.
        free_text: The column that takes the rest of a row if there are two
            columns and unquoted delimiters, or `None`.
        max_bad_fraction: Float, the largest fraction of lines that may be bad.

    Raises:
        ValueError: If too many lines are bad, or two columns have the same
            name.
    """
    bad_lines = BadRecords("lines cannot be parsed", 0, max_bad_fraction)
    lines = list(read_lines(path, bad_lines))
    if path.suffix.lower() in JSON_SUFFIXES:
        columns = _json_columns(lines, path, bad_lines)
    else:
        columns = _delimited_columns(lines, path, free_text, bad_lines)
    bad_lines.check()
    bad_lines.warn("They are left out.", stacklevel=4)
    return ColumnTable(columns, str(path), path.parent)


def _json_columns(lines, path, bad_lines):
    rows = []
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not a JSON object")
        except (ValueError, RecursionError) as error:
            reason = f"{error}: {line[:80]}"
            bad_lines.add(f"{path}, line {number}", reason)
            continue
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _delimited_columns(lines, path, free_text, bad_lines):
    delimiter = delimiter_of(path, lines)
    rows = read_rows(lines, delimiter)
    header = next((row.fields for row in rows), [])
    header = [name.strip() for name in header]
    # Spreadsheets write empty columns at the end.
    repeated = [name for name in header if name and header.count(name) > 1]
    if repeated:
        raise ValueError(
            "The columns of a table must have different names. "
            f"Received: {header} in {path}, with {repeated[0]!r} twice"
        )
    columns = {name: [] for name in header}
    for row in rows:
        try:
            fields = fields_by_name(
                row, header, delimiter, free_text, set(header)
            )
        except ValueError as error:
            bad_lines.add(f"{path}, line {row.number}", str(error))
            continue
        for name, column in columns.items():
            column.append(fields[name])
    return columns
