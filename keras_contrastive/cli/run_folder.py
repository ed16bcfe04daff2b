"""The folder that a training command writes and other commands read."""

import contextlib
import datetime
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import keras

# Keras finds the classes of a saved model once these are imported.
from keras_contrastive import layers as _layers  # noqa: F401
from keras_contrastive import losses as _losses  # noqa: F401
from keras_contrastive import metrics as _metrics  # noqa: F401
from keras_contrastive import models as _models  # noqa: F401
from keras_contrastive import optimizers as _optimizers  # noqa: F401
from keras_contrastive.callbacks.checkpoint import Checkpoint
from keras_contrastive.cli.held_out import Split
from keras_contrastive.cli.held_out import from_json
from keras_contrastive.cli.held_out import to_json
from keras_contrastive.cli.history_file import HistoryFile
from keras_contrastive.cli.output import check_writable
from keras_contrastive.command import program
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import write_json

# Of the state before training.
FIRST_CHECKPOINT = "epoch-000000-step-000000000.npz"
WITH_CAPTIONS = ("clip", "slip")
MODELS = (
    *WITH_CAPTIONS,
    "simclr",
    "moco",
    "byol",
    "simsiam",
    "nnclr",
    "swav",
    "dino",
)


class RunFolder:
    """A folder with the model, its history and its training images.

    Args:
        path: path of the folder.
    """

    def __init__(self, path: Path):
        self.path = path
        self.model = path / "model.keras"
        self.tokenizer = path / "tokenizer.json"
        self.history = path / "history.csv"
        self.report = path / "report.html"
        self.errors = path / "errors.log"
        self._settings = path / "run.json"
        self._split = path / "split.json"
        self._checkpoints = path / "checkpoints"

    def check_unfinished(self) -> None:
        """Raises if no run can begin or resume in this folder."""
        if self.model.exists():
            raise ValueError(
                f"{self.path} holds a finished run. Give another --output, or "
                "remove that folder."
            )
        check_writable(self.report, "--output")
        if self._settings.exists():
            return
        foreign = [
            file
            for file in (*self._begun(), self.history, self.report)
            if file.exists()
        ]
        foreign += self._checkpoints.glob("*.npz")
        if foreign:
            raise ValueError(
                f"{foreign[0]} is there, but no run.json of its run. Give "
                "another --output: the file could be overwritten."
            )

    def split(self) -> Split | None:
        """The images of a run that has begun, if they still exist."""
        settings, content = self._read(self._settings), self._read(self._split)
        if settings is None or content is None:
            return None
        return from_json(content, settings)

    def check_settings(self, settings: dict) -> None:
        """Raises if a run with other settings has begun here."""
        begun = self._read(self._settings)
        if begun not in (None, settings):
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

    def forget_start(self) -> None:
        """Removes the files of a run that ended before its first epoch."""
        checkpoints = {path.name for path in self._checkpoints.glob("*.npz")}
        if (
            checkpoints == {FIRST_CHECKPOINT}
            and self._settings.is_file()
            and not self.history.exists()
        ):
            self._remove_start()

    @contextlib.contextmanager
    def training(self, settings: dict, split: Split) -> Iterator[None]:
        """A context that writes settings and split before its body trains.

        If the body fails before the first epoch is finished, the written files
        are removed, so that the corrected command can start. After that, the
        traceback is appended to errors.log.
        """
        is_new = not self._settings.exists()
        if is_new:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(to_json(split, Path(settings["folder"])), self._split)
            write_json(settings, self._settings)
        try:
            yield
        except BaseException as error:
            if is_new and not self.history.exists():
                self._remove_start()
            elif isinstance(error, Exception):
                self._log(error)
            raise

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks that save the history and the state to resume from."""
        return [Checkpoint(self._checkpoints), HistoryFile(self.history)]

    def save(self, model: keras.Model) -> None:
        """Saves the model atomically: an existing file is complete."""
        temporary = self.path / ".model.keras"
        model.save(temporary)
        os.replace(temporary, self.model)
        print(f"Model: {self.model}")

    def load_model(self) -> keras.Model:
        """The model of a finished run."""
        return keras.models.load_model(self.model)

    def settings(self) -> dict:
        """The settings of a finished run."""
        settings = self._read(self._settings)
        if settings is None or not self.model.is_file():
            raise FileNotFoundError(
                f"There is no finished run in {self.path}: train one with "
                f"{program()} train."
            )
        missing = {"model", "folder", "image_size"} - set(settings)
        if missing or settings["model"] not in MODELS:
            raise ValueError(
                f"{self._settings} must be of a run of this package. Received: "
                f"model={settings.get('model')!r}, without {sorted(missing)}"
            )
        return settings

    def _begun(self):
        """The files that exist before the first epoch ends."""
        return (self._settings, self._split, self.tokenizer)

    def _log(self, error):
        now = datetime.datetime.now().isoformat(" ", "seconds")
        lines = "".join(traceback.format_exception(error))
        with contextlib.suppress(OSError):  # such as a full disk
            with self.errors.open("a", encoding="utf-8") as file:
                file.write(f"{now}\n{lines}\n")
            error.add_note(f"The traceback is in {self.errors}.")

    def _remove_start(self):
        for file in (*self._begun(), self._checkpoints / FIRST_CHECKPOINT):
            file.unlink(missing_ok=True)
        for folder in (self._checkpoints, self.path):
            # Removes only empty folders.
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _read(self, file):
        try:
            content = read_json(file)
        except ValueError as error:
            raise ValueError(f"{file} is damaged: {error}") from error
        if content is not None and not isinstance(content, dict):
            raise ValueError(f"{file} must hold a JSON object.")
        return content
