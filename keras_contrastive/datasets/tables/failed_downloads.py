"""Rows of images that img2dataset could not download."""

import numpy as np

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.tables.table import Table

SUCCESS = "success"
COLUMNS = ("status", "error_message")  # by which its tables are known


def is_of_img2dataset(columns: list) -> bool:
    """Whether these are the columns of a table that img2dataset wrote."""
    return set(COLUMNS) <= set(columns)


def downloaded_rows(table: Table) -> np.ndarray:
    """The rows whose image was downloaded, of a table of img2dataset.

    The other ones have no image. They are no damage to the table, and often
    more than a few: a warning counts them.
    """
    failed = FailedDownloads(len(table))
    rows = []
    status, messages = map(table.values, COLUMNS)
    for row, (each, message) in enumerate(zip(status, messages, strict=True)):
        if each == SUCCESS:
            rows.append(row)
        else:
            failed.add(f"{table.name}, row {row}", f"{each}: {message}")
    failed.warn("They are left out.", stacklevel=3)
    return np.array(rows, "int64")


class FailedDownloads(BadRecords):
    """Counts the rows whose image could not be downloaded.

    Args:
        total: Int, the number of rows.
    """

    def __init__(self, total: int):
        super().__init__("images were not downloaded", total, 1.0)
