"""The folder that a training command writes and other commands read."""

import contextlib
import datetime
import os
import shlex
import traceback
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import keras

# These imports register the classes of saved models in Keras.
from keras_contrastive import layers as _layers  # noqa: F401
from keras_contrastive import losses as _losses  # noqa: F401
from keras_contrastive import metrics as _metrics  # noqa: F401
from keras_contrastive import models as _models  # noqa: F401
from keras_contrastive import optimizers as _optimizers  # noqa: F401
from keras_contrastive.callbacks.checkpoint import Checkpoint
from keras_contrastive.callbacks.checkpoint_files import CheckpointFiles
from keras_contrastive.cli.held_out import Split
from keras_contrastive.cli.held_out import from_json
from keras_contrastive.cli.held_out import to_json
from keras_contrastive.cli.history_file import HistoryFile
from keras_contrastive.cli.history_file import read_rows
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_lock import run_lock
from keras_contrastive.cli.run_settings import OF_SOURCE
from keras_contrastive.cli.run_settings import changed_settings
from keras_contrastive.command import program
from keras_contrastive.json_files import read_json
from keras_contrastive.json_files import write_json

# The checkpoint of the state before training.
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
CLASSIFIER = "classifier"


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
        self._untrained = path / "untrained.json"
        self._checkpoints = path / "checkpoints"

    @contextlib.contextmanager
    def prepared(self) -> Iterator[None]:
        """A context in which a run can start or resume, or raises.

        No other training can use the folder until the context ends.
        """
        with run_lock(self.path):
            self.check_output()
            self.forget_start()
            yield

    def check_output(self) -> None:
        """Raises if no run can start or resume in this folder."""
        check_writable(self.report, "--output")
        if self._settings.exists():
            return
        ours = (*self._begun(), self.model, self.history, self.report)
        foreign = [file for file in ours if file.exists()]
        foreign += self._checkpoints.glob("*.npz")
        if foreign:
            raise ValueError(
                f"{foreign[0]} exists without the run.json of its run. Give "
                "another --output, so that the file is not overwritten."
            )

    def has_begun(self) -> bool:
        """Whether a run is in this folder."""
        return self._settings.exists()

    def split(self) -> Split | None:
        """The existing images of the run; `None` if no run has started."""
        settings, content = self._read(self._settings), self._read(self._split)
        if settings is None or content is None:
            return None
        return from_json(content, settings)

    def class_names(self) -> list[str]:
        """The names of the classes of a run of `train classifier`."""
        return (self._read(self._settings) or {}).get("class_names", [])

    def untrained(self) -> dict[str, float] | None:
        """The scores of the model before training, by key."""
        return self._read(self._untrained)

    def save_untrained(self, scores: dict[str, float]) -> None:
        """Writes the scores of the model before training."""
        write_json(scores, self._untrained)

    def check_source(self, settings: dict) -> None:
        """Raises if the run in this folder is of another method or other data.

        The images of a run determine its other settings, so this comes before
        the images of the run are read.

        Args:
            settings: Dict with the model and the location of the images.
        """
        begun = self._read(self._settings) or {}
        self._check_equal(begun, settings, {*begun}.intersection(OF_SOURCE))

    def check_settings(self, settings: dict) -> None:
        """Raises if the run in this folder cannot continue.

        An interrupted run can continue with the same settings. Any run can
        continue with more epochs.
        """
        begun = self._read(self._settings)
        if begun is None:
            return
        epochs = begun.get("epochs", 0)
        has_more_epochs = settings.get("epochs", 0) > epochs
        is_finished = self._is_finished()
        names = {*begun, *settings}
        if has_more_epochs or is_finished:
            names.discard("epochs")
        self._check_equal(begun, settings, names)
        if not is_finished:
            return
        if not has_more_epochs:
            raise ValueError(
                f"{self.path} holds a finished run of {epochs} epochs. To "
                f"train it further, set --epochs to more than {epochs}; or "
                "give another --output, or start over with --force."
            )
        if not CheckpointFiles(self._checkpoints).paths():
            raise ValueError(
                f"{self.path} holds a finished run without a checkpoint, which "
                "cannot be trained further. Give another --output, or start "
                "over with --force."
            )

    def first_epochs(self, epochs: int, is_new: bool) -> int:
        """The epochs that the run started with: `epochs` if it is new."""
        begun = {} if is_new else self._read(self._settings) or {}
        return begun.get("first_epochs", begun.get("epochs", epochs))

    def restart(self) -> None:
        """Deletes the files of the run, and no others."""
        begun = self._read(self._settings)
        if begun is None:
            return
        if begun.get("model") not in (*MODELS, CLASSIFIER):
            raise ValueError(
                f"{self._settings} must belong to a run of this package. "
                f"Received: model={begun.get('model')!r}"
            )
        for file in CheckpointFiles(self._checkpoints).paths():
            file.unlink()
        for file in (self.model, self.history, self.report, self.errors):
            file.unlink(missing_ok=True)
        self._remove_start()

    def forget_start(self) -> None:
        """Deletes the files of a run that stopped during its first epoch."""
        begun = self._read(self._settings) or {}
        is_ours = begun.get("model") in (*MODELS, CLASSIFIER)
        checkpoints = {path.name for path in self._checkpoints.glob("*.npz")}
        has_trained = checkpoints - {FIRST_CHECKPOINT} or any(
            file.exists() for file in (self.history, self.model)
        )
        if is_ours and not has_trained:
            self._remove_start()

    @contextlib.contextmanager
    def training(self, settings: dict, split: Split) -> Iterator[None]:
        """A context that writes settings and split before its body trains.

        If the body fails before the first epoch ends, these files are deleted,
        so that the corrected command can start. A later failure appends its
        traceback to errors.log.
        """
        is_new = not self.has_begun()
        if not is_new:
            self._prolong(settings.get("epochs", 0))
        try:
            if is_new:
                self._begin(settings, split)
            yield
        except BaseException as error:
            is_finished = self._is_finished()
            if is_new and not is_finished and not self.history.exists():
                self._remove_start()
                if isinstance(error, KeyboardInterrupt):
                    error.add_note("Stopped before the first epoch ended.")
            elif isinstance(error, Exception):
                self._log(error)
            elif isinstance(error, KeyboardInterrupt) and not is_finished:
                error.add_note(
                    f"Stopped after epoch {len(read_rows(self.history))}. Run "
                    "the same command again to resume."
                )
            if is_finished:
                report = shlex.join(["report", str(self.path)])
                error.add_note(
                    f"The model is trained. `{program()} {report}` writes its "
                    "report."
                )
            raise

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Callbacks that save the history and the state to resume from."""
        return [Checkpoint(self._checkpoints), HistoryFile(self.history)]

    def save(self, model: keras.Model) -> None:
        """Saves the model atomically, and deletes older checkpoints."""
        temporary = self.path / ".model.keras"
        try:
            model.save(temporary)
            os.replace(temporary, self.model)
        finally:
            temporary.unlink(missing_ok=True)
        settings = self._read(self._settings)
        if settings and "trained_epochs" in settings:
            trained = {"trained_epochs": settings["epochs"]}
            write_json({**settings, **trained}, self._settings)
        # Further training only needs the newest checkpoint.
        for file in CheckpointFiles(self._checkpoints).paths()[1:]:
            file.unlink()
        print(f"Model: {self.model}")

    def load_model(self) -> keras.Model:
        """The model of a finished run."""
        settings = self._read(self._settings) or {}
        # The file of a classifier does not store which layers are frozen, so
        # the saved optimizer state does not fit. It is not needed here.
        return keras.models.load_model(
            self.model, compile=settings.get("model") != CLASSIFIER
        )

    def settings(self, models: Sequence[str] = MODELS) -> dict:
        """The settings of the finished run, whose model must be in `models`."""
        settings = self._read(self._settings)
        if settings is None or not self.model.is_file():
            raise FileNotFoundError(
                f"There is no finished run in {self.path}. Give the folder of "
                f"one, or train one with {program()} train."
            )
        missing = {"model", "folder", "image_size"} - set(settings)
        model = settings.get("model")
        if missing or model not in (*MODELS, CLASSIFIER):
            raise ValueError(
                f"{self._settings} must belong to a run of this package. "
                f"Received: model={model!r}, without {sorted(missing)}"
            )
        if model not in models:
            raise ValueError(
                f"{self.path} must be a run of train {', '.join(models)}. "
                f"Received: a run of train {model}"
            )
        return settings

    def _check_equal(self, begun, settings, names):
        changed = changed_settings(begun, settings, names)
        kind = "a finished" if self._is_finished() else "an interrupted"
        if changed:
            raise ValueError(
                f"{self.path} holds {kind} run with other settings, "
                f"{', '.join(changed)}. Repeat them to continue it, give "
                "another --output, or start over with --force."
            )

    def _is_finished(self):
        settings = self._read(self._settings) or {}
        epochs = settings.get("epochs")
        trained = settings.get("trained_epochs", epochs)
        return self.model.exists() and trained == epochs

    def _begin(self, settings, split):
        """Writes the files that name the images and the settings of the run."""
        self.path.mkdir(parents=True, exist_ok=True)
        content = to_json(split, Path(settings["folder"]))
        # Settings first: alone, they are a start that `forget_start` deletes.
        write_json(settings, self._settings)
        write_json(content, self._split)

    def _prolong(self, epochs):
        """Writes a larger number of epochs to the settings of the run."""
        begun = self._read(self._settings)
        if begun.get("epochs", 0) >= epochs:
            return
        longer = {"first_epochs": begun["epochs"], **begun, "epochs": epochs}
        if self.model.exists():
            longer.setdefault("trained_epochs", begun["epochs"])
        write_json(longer, self._settings)
        print(
            f"{epochs} epochs instead of {begun['epochs']}: the learning rate "
            "now follows the schedule\nof the longer run. It jumps up, and "
            "decays to 0 again."
        )

    def _begun(self):
        """The files that exist before the first epoch ends."""
        return (self._settings, self._split, self._untrained, self.tokenizer)

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
            raise ValueError(
                f"{file} is damaged: {error}. Restore it, delete all files of "
                f"the run in {self.path}, or use another folder."
            ) from error
        if content is not None and not isinstance(content, dict):
            raise ValueError(f"{file} must hold a JSON object.")
        return content
