"""The logs of each epoch in a file."""

import csv
import os
from pathlib import Path

import keras


class HistoryFile(keras.callbacks.Callback):
    """Writes `history.csv`, one row an epoch, whole at any moment.

    A run that is resumed may repeat an epoch that `keras.callbacks.CSVLogger`
    has written a row of. Here its row is replaced.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        rows = [row for row in self._rows() if int(row["epoch"]) < epoch]
        logs = {name: float(value) for name, value in (logs or {}).items()}
        rows.append({"epoch": epoch, **logs})
        temporary = self._path.with_name(f".{self._path.name}.tmp")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            names = dict.fromkeys(name for row in rows for name in row)
            writer = csv.DictWriter(file, list(names), restval="NA")
            writer.writeheader()
            writer.writerows(rows)
        os.replace(temporary, self._path)

    def _rows(self):
        if not self._path.is_file():
            return []
        with self._path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
