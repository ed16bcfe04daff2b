"""The files of `curate`: a table and sheets."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_contrastive.cli.contact_sheet import DPI
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.output import write_csv

SHEETS = ("duplicates", "outliers", "typical", "diverse", "label_errors")
SIGNATURE = "keras_contrastive curate"  # in the metadata of the sheets
HEADER = "image,nearest,similarity,outlier,typical,diverse"


class CurationFiles:
    """A folder with a table and sheets.

    Args:
        folder: Path of the folder.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.table = folder / "curation.csv"
        self._sheets = {name: folder / f"{name}.png" for name in SHEETS}

    def check(self, force: bool) -> None:
        """Raises if a file exists that must not be replaced."""
        check_writable(self.table, "--output")
        there = [path for path in self._paths() if path.exists()]
        if there and not force:
            raise ValueError(
                f"{there[0]} exists. Replace an earlier curation with --force, "
                "or give another --output."
            )
        for path in there:
            if not self._is_ours(path):
                raise ValueError(
                    "--force replaces only files that curate has written. "
                    f"Received: {path}, which it has not. Give another "
                    "--output."
                )

    def start(self) -> None:
        """Creates the folder, and deletes an earlier curation."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self._paths():
            path.unlink(missing_ok=True)

    def add_sheet(self, name: str, figure: Any) -> None:
        """Saves one of `SHEETS`, a `matplotlib.figure.Figure`."""
        path = self._sheets[name]
        figure.savefig(path, dpi=DPI, metadata={"Title": SIGNATURE})
        print(path)

    def write_table(self, columns: Mapping[str, Sequence]) -> None:
        """Writes the columns atomically."""
        rows = zip(*columns.values(), strict=True)
        write_csv(self.table, columns, rows)

    def _paths(self):
        return [self.table, *self._sheets.values()]

    def _is_ours(self, path):
        if path == self.table:
            with path.open(encoding="utf-8", errors="replace") as file:
                return file.readline().startswith(HEADER)
        return path.is_file() and SIGNATURE.encode() in path.read_bytes()
