"""Excludes rows of images that img2dataset could not download."""

import warnings

import numpy as np

from keras_contrastive.datasets.bad_records import EXAMPLES
from keras_contrastive.datasets.tables.table import Table

SUCCESS = "success"
COLUMNS = ("status", "error_message")  # identify tables of img2dataset


def is_of_img2dataset(columns: list) -> bool:
    """Whether these are the columns of a table that img2dataset wrote."""
    return set(COLUMNS) <= set(columns)


def downloaded_rows(table: Table) -> np.ndarray:
    """The rows of an img2dataset table whose image was downloaded.

    The other rows have no image. They are not counted as bad records, since
    there may be many. A warning gives their number.
    """
    failures: list[str] = []
    rows = []
    total = len(table)
    for row, status in enumerate(table.values(COLUMNS[0])):
        if status == SUCCESS:
            rows.append(row)
        elif len(failures) < EXAMPLES:
            failures.append(f"- row {row}: {status}")
    if failures:
        count = total - len(rows)
        if count > len(failures):
            failures.append(f"- and {count - len(failures)} more")
        warnings.warn(
            f"{count} of {total} images were not downloaded, as of the column "
            f"'status' of {table.name}:\n"
            + "\n".join(failures)
            + "\nThey are left out.",
            stacklevel=4,
        )
    return np.array(rows, "int64")
