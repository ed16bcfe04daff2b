"""Saves and resumes training that may be killed at any moment."""

import json
import os
import warnings
from typing import Any

import keras
import numpy as np

from keras_contrastive import distribution
from keras_contrastive.callbacks.checkpoint_files import CheckpointFiles
from keras_contrastive.callbacks.process_states import common_state
from keras_contrastive.callbacks.process_states import gather_states
from keras_contrastive.callbacks.process_states import own_state
from keras_contrastive.callbacks.training_state import get_random_state
from keras_contrastive.callbacks.training_state import get_state
from keras_contrastive.callbacks.training_state import set_metrics
from keras_contrastive.callbacks.training_state import set_random_state
from keras_contrastive.callbacks.training_state import set_state
from keras_contrastive.distribution.together import together
from keras_contrastive.trainer.keras_internals import set_initial_epoch
from keras_contrastive.trainer.replayed_steps import skip_steps
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_int


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole training state, and resumes from it when run again.

    If a process is killed in `fit` and a second one runs the same script, the
    run ends with the history and the weights of an uninterrupted one: bit for
    bit, if the backend is deterministic. The checkpoint holds the weights, the
    optimizer with its schedule, moving average and loss scale, the metrics in
    the middle of an epoch, the history, the random state of all layers and of
    Python, NumPy and PyTorch, and the position in the data, as an epoch and a
    step in it. For the order of the data, see the guide,
    `docs/resuming.md`.

    A checkpoint is saved before each epoch, after the last one, and every
    `every_n_steps` steps. To resume in the middle of an epoch, the callback
    reads the data of the completed steps again.

    Writing is atomic: a checkpoint is complete or absent, whenever the process
    is killed. The previous checkpoint is kept, and used with a warning if the
    newest is damaged. If a checkpoint cannot be written, for example because
    the disk is full, the callback warns and training continues.

    It works with every Keras model that is built when `fit` starts. Processes
    that train together must all have this callback, with a directory that all
    of them can access. The first process writes the files, which hold the
    random state and the metrics of each process. If one process fails to start,
    all of them raise. The callback warns if a run resumes with a different
    number of processes or replicas. All but the first process then start with a
    new random state, and the metrics within the epoch differ.

    Args:
        directory: Path of a directory for the checkpoints of this run alone.
            Other files in it are not changed.
        every_n_steps: Int, number of steps from one checkpoint to the next
            within an epoch, or `None` for no checkpoints within epochs.
        resume: Whether to resume from the newest checkpoint if there is one.
            With `False`, the run must be new: `fit` raises if the directory
            holds the checkpoints of another run.

    Raises:
        ValueError: If `every_n_steps` is not positive; in `fit`, if the model
            is not built, if there are checkpoints and `resume` is `False`, if
            the checkpoints belong to another model, or if all of them are
            damaged.
        OSError: In `fit`, before training, if the directory cannot be written
            to.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    model = kc.SimCLRModel(kc.models.ConvNet(4, input_shape=(32, 32, 3)))
    model.compile()
    history = model.fit(
        images,
        epochs=2,
        callbacks=[kc.callbacks.Checkpoint("checkpoints", every_n_steps=1)],
        verbose=0,
    )
    print(history.history["loss"])  # Of all epochs, however often it was run.
    ```
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        every_n_steps: int | None = None,
        resume: bool = True,
    ):
        super().__init__()
        if every_n_steps is not None:
            every_n_steps = check_int("every_n_steps", every_n_steps, 1)
        self.every_n_steps = every_n_steps
        self.resume = check_bool("resume", resume)
        self._files = CheckpointFiles(directory)

    def on_train_begin(self, logs: dict | None = None) -> None:
        if not self.model.built:
            raise ValueError(
                "The model must be built before `fit`. Received: "
                f"{self.model.name!r}, which is not; call it on a batch."
            )
        self._epoch: int | None = None
        self._progress: dict[str, Any] = {}
        # The checkpoint that was read, until all of it is restored.
        with distribution.scope_of(self.model):
            self._writes = distribution.is_first_process()
            self._replicas = _replicas()
            self._read = self._read_newest()
            if self._read is None:
                return
            self._take_own()
            set_state(self.model, self._read)
        # Keras' own BackupAndRestore sets the first epoch in the same way. A
        # run that was stopped, for example by EarlyStopping, has no epochs
        # left.
        stopped = self._progress["stopped"]
        set_initial_epoch(
            self.model,
            self.params["epochs"] if stopped else self._progress["epoch"],
        )

    def _read_newest(self):
        """The newest checkpoint, which is the same for all processes."""
        first = together(self._prepare)
        name, *_ = distribution.gather_objects(self._files.newest)
        if name is None:
            return None
        return together(
            lambda: first if self._writes else self._files.read_file(name)
        )

    def _prepare(self):
        if not self._writes:
            return None
        self._files.prepare()
        if self._files.paths() and not self.resume:
            raise ValueError(
                "`directory` must hold no checkpoints if `resume` is False. "
                f"Received: directory={str(self._files.directory)!r}, which "
                "has checkpoints of another run. Choose another directory, "
                "continue that run with resume=True, or delete them."
            )
        return self._files.read()

    def _take_own(self):
        """Selects the state of this process from the checkpoint read."""
        common = common_state(self._read)
        progress = json.loads(common["progress"].tobytes())
        saved = progress.get("replicas", [1, 1])
        self._same_replicas = saved == self._replicas
        if self._same_replicas:
            self._read = own_state(self._read)
            progress = json.loads(self._read["progress"].tobytes())
        else:
            warnings.warn(
                f"The checkpoint is of {saved[0]} processes with {saved[1]} "
                f"replicas in all. Received: {self._replicas}. Training "
                "continues, but not as with the same numbers: the replicas' "
                "shares of the data, their random state and, within an epoch, "
                "the metrics differ.",
                stacklevel=2,
            )
            self._read = {
                name: array
                for name, array in common.items()
                if not name.startswith("replica_")
            }
        self._progress = progress

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch
        # The step of this epoch at which the newest checkpoint was saved.
        self._saved_step = 0
        if self._read is not None:
            self._saved_step = self._progress["step"]
            self._go_on()
        else:
            self._epoch_random_state = get_random_state()
            self._save(epoch, 0)

    @property
    def async_safe(self) -> bool:
        """Whether Keras may call `on_train_batch_end` in another thread.

        It may do so only if the method does nothing: saving must run between
        two steps.
        """
        return self.every_n_steps is None

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # Accessing `self.model` makes JAX give up its state, so steps without
        # a checkpoint do not access it.
        step = batch + 1
        if self.every_n_steps and (
            step - self._saved_step >= self.every_n_steps
        ):
            self._saved_step = step
            logs = {k: float(value) for k, value in (logs or {}).items()}
            self._save(self._epoch, step, logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        # The model keeps this value, and its next `fit` would start there.
        set_initial_epoch(self.model, None)
        if self._read is not None:
            # All epochs were already completed.
            self._restore_history()
        elif self._epoch is not None:
            stopped = self.model.stop_training
            # For a later run with more epochs.
            self._epoch_random_state = get_random_state()
            self._save(self._epoch + 1, 0, stopped=stopped)

    def _go_on(self):
        progress = self._progress
        model = self.model
        arrays, self._read = self._read, None
        # Other processes must not take the first process' random state.
        restores = self._same_replicas or self._writes
        self._restore_history()
        if self._replicas[0] > 1:
            # Restore again, since the start of training replaced this process'
            # own state by the state of the first process.
            with distribution.scope_of(model):
                set_state(model, arrays)
        if restores:
            set_random_state(progress["epoch_random_state"])
        self._epoch_random_state = get_random_state()
        if not progress["step"]:
            return
        # JAX passes the metrics' values to the first step. TensorFlow creates
        # the metrics in the first step.
        before = keras.backend.backend() == "jax"
        if before:
            set_metrics(model, arrays)

        def then():
            if not before:
                with distribution.scope_of(model):
                    set_metrics(model, arrays)
            if restores:
                set_random_state(progress["random_state"])

        skip_steps(model, progress["step"], progress["logs"], then)

    def _restore_history(self):
        history = self.model.history
        history.epoch = self._progress["epochs_done"]
        history.history = self._progress["history"]

    def _save(self, epoch, step, logs=None, stopped=False):
        model = self.model
        progress = {
            "epoch": epoch,
            "step": step,
            "stopped": stopped,
            "logs": logs,
            "epochs_done": model.history.epoch,
            "history": model.history.history,
            "epoch_random_state": self._epoch_random_state,
            "random_state": get_random_state(),
            "replicas": self._replicas,
        }
        with distribution.scope_of(model):
            arrays = get_state(model)
            text = json.dumps(progress, default=float).encode()
            arrays["progress"] = np.frombuffer(text, "uint8")
            arrays = gather_states(arrays)
        if not self._writes:
            return
        try:
            self._files.write(f"epoch-{epoch:06d}-step-{step:09d}", arrays)
        except OSError as error:
            newest = [path.name for path in self._files.paths()[:1]]
            warnings.warn(
                f"The checkpoint of epoch {epoch}, step {step} could not be "
                f"written to {str(self._files.directory)!r}: {error}. Training "
                "continues, and the model holds its state. If it is "
                f"interrupted now, it resumes from {newest or 'the start'}. "
                "Free disk space before the next checkpoint, or save the model "
                "elsewhere.",
                stacklevel=2,
            )


def _replicas():
    """Number of processes, and of replicas in all of them."""
    processes = len(distribution.gather_objects(None))
    return [processes, distribution.num_replicas()]
