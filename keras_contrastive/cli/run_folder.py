"""What a training command leaves, and the others read."""

from pathlib import Path

import keras

from keras_contrastive.callbacks.checkpoint import Checkpoint
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import write_json


class RunFolder:
    """A folder with the model, its history and what it was trained on.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path):
        self.path = path
        self.model = path / "model.keras"
        self.tokenizer = path / "tokenizer.json"
        self.history = path / "history.csv"
        self.report = path / "report.html"
        self._settings = path / "run.json"

    def start(self, settings: dict) -> None:
        """Begins a run with these settings, or goes on with one."""
        if self.model.exists():
            raise ValueError(
                f"{self.path} holds a finished run. Give another --output, or "
                "remove that folder."
            )
        begun = read_json(self._settings)
        if begun is None:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(settings, self._settings)
        elif begun != settings:
            changed = [
                f"{name}={begun.get(name)!r}"
                for name in sorted({*begun, *settings})
                if begun.get(name) != settings.get(name)
            ]
            raise ValueError(
                f"{self.path} holds an interrupted run with other settings, "
                f"{', '.join(changed)}. Repeat them to go on with it, or give "
                "another --output."
            )

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Those that keep the history, and the state to go on from."""
        return [
            Checkpoint(self.path / "checkpoints"),
            keras.callbacks.CSVLogger(self.history, append=True),
        ]

    def settings(self) -> dict:
        """Those of a finished run."""
        settings = read_json(self._settings)
        if settings is None or not self.model.is_file():
            raise FileNotFoundError(
                f"There is no finished run in {self.path}: train one with "
                "python -m keras_contrastive train."
            )
        return settings
