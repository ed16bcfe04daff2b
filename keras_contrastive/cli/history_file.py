"""Writes the logs of each epoch to a file."""

import csv
from pathlib import Path

import keras

from keras_contrastive.atomic_file import atomic_file


class HistoryFile(keras.callbacks.Callback):
    """Writes `history.csv` atomically, one row per epoch.

    A resumed run may repeat an epoch for which `keras.callbacks.CSVLogger` has
    already written a row. This callback replaces the row.

    Args:
        path: path of the file.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rows = [row for row in self._rows() if int(row["epoch"]) < epoch]
        logs = {name: float(value) for name, value in (logs or {}).items()}
        rows.append({"epoch": epoch, **logs})
        with atomic_file(self._path, "w", newline="", encoding="utf-8") as file:
            names = dict.fromkeys(name for row in rows for name in row)
            writer = csv.DictWriter(file, list(names), restval="NA")
            writer.writeheader()
            writer.writerows(rows)

    def _rows(self):
        return read_rows(self._path)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a `history.csv`, one per epoch; none if there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
