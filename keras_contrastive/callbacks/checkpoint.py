"""Training that can be killed at any moment."""

import json
import os
import warnings

import keras
import numpy as np

from keras_contrastive import distribution
from keras_contrastive.callbacks.checkpoint_files import CheckpointFiles
from keras_contrastive.callbacks.process_states import common_state
from keras_contrastive.callbacks.process_states import gather_states
from keras_contrastive.callbacks.process_states import own_state
from keras_contrastive.callbacks.skip_steps import skip_steps
from keras_contrastive.callbacks.training_state import get_random_state
from keras_contrastive.callbacks.training_state import get_state
from keras_contrastive.callbacks.training_state import set_metrics
from keras_contrastive.callbacks.training_state import set_random_state
from keras_contrastive.callbacks.training_state import set_state
from keras_contrastive.datasets.arguments import checked_int
from keras_contrastive.distribution.together import together


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state of training, and goes on from it when run again.

    A process that is killed in `fit`, and a second one that runs the same
    script, end with the history and the weights of a process that was not:
    bit for bit, where the backend gives the same bits twice. Saved are the
    weights, the optimizer with its schedule, moving average and loss scale,
    the metrics in the middle of an epoch, the history, the random state of
    all layers and that of Python, NumPy and PyTorch, and the position in the
    data, an epoch and a step in it. For the order of the data, see
    the guide, `docs/resuming.md`.

    A checkpoint is saved before each epoch and after the last one, and every
    `every_n_steps` steps. To go on in the middle of an epoch, the data that
    were trained on are read once more.

    A checkpoint is whole or not there, whenever the process is killed. The one
    before is kept, and taken with a warning if the newest is damaged. If one
    cannot be written, because the disk is full for example, there is a
    warning and training goes on.

    It works with every Keras model that is built when `fit` starts. Processes
    that train together must all have this callback, with a directory that all
    of them see: the first one writes, the random state and the metrics of each
    are saved, and a failure to start is raised in all of them. A run that goes
    on with another number of processes or replicas than it had is warned of:
    the random state and the metrics of the others are new.

    Args:
        directory: Path of a directory for the checkpoints of this run alone.
            Other files in it are left as they are.
        every_n_steps: Int, number of steps from one checkpoint to the next
            within an epoch, or `None` for none.
        resume: Whether to go on from the newest checkpoint where there is one.
            `False` is for a run that must be a new one, and raises where the
            directory holds the checkpoints of another.

    Raises:
        ValueError: If `every_n_steps` is not positive; in `fit`, if the model
            is not built, if there are checkpoints and `resume` is `False`, if
            the model is not the one that they are of, or if all of them are
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
            every_n_steps = checked_int("every_n_steps", every_n_steps, 1)
        self.every_n_steps = every_n_steps
        self.resume = resume
        self._files = CheckpointFiles(directory)

    def on_train_begin(self, logs: dict | None = None) -> None:
        if not self.model.built:
            raise ValueError(
                "The model must be built before `fit`. Received: "
                f"{self.model.name!r}, which is not; call it on a batch."
            )
        self._epoch = None
        self._progress = None
        # What was read, until all of it is in its place.
        with distribution.scope_of(self.model):
            self._writes = distribution.is_first_process()
            self._replicas = _replicas()
            self._read = self._read_newest()
            if self._read is None:
                return
            self._take_own()
            set_state(self.model, self._read)
        # How Keras' own BackupAndRestore says where to go on. A run that was
        # stopped, by EarlyStopping for one, has no epochs left.
        stopped = self._progress["stopped"]
        self.model._initial_epoch = (
            self.params["epochs"] if stopped else self._progress["epoch"]
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
                "`directory` must hold no checkpoints where `resume` is False. "
                f"Received: directory={str(self._files.directory)!r}, which "
                "has some of another run. Choose another directory, go on with "
                "that run by resume=True, or delete them."
            )
        return self._files.read()

    def _take_own(self):
        """Takes from what was read the state of this process."""
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
                f"replicas in all. Received: {self._replicas}. Training goes "
                "on, but not as with as many: the replicas' shares "
                "of the data, their random state and, within an epoch, the "
                "metrics differ.",
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
        # Step of this epoch that the newest checkpoint is of.
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

        It may where that does nothing. What saves must run between two steps.
        """
        return self.every_n_steps is None

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # `self.model` costs JAX its state, and is left alone in between.
        step = batch + 1
        if self.every_n_steps and (
            step - self._saved_step >= self.every_n_steps
        ):
            self._saved_step = step
            logs = {name: float(value) for name, value in logs.items()}
            self._save(self._epoch, step, logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        # It stays with the model, and would be the start of its next `fit`.
        self.model._initial_epoch = None
        if self._read is not None:
            # All epochs were done before.
            self._restore_history()
        elif self._epoch is not None:
            stopped = self.model.stop_training
            # For a run of more epochs.
            self._epoch_random_state = get_random_state()
            self._save(self._epoch + 1, 0, stopped=stopped)

    def _go_on(self):
        progress = self._progress
        model = self.model
        arrays, self._read = self._read, None
        # The first process' random state is not for others.
        restores = self._same_replicas or self._writes
        self._restore_history()
        if self._replicas[0] > 1:
            # Once more: the start of training has replaced what only this
            # process has by what the first one has.
            with distribution.scope_of(model):
                set_state(model, arrays)
        if restores:
            set_random_state(progress["epoch_random_state"])
        self._epoch_random_state = get_random_state()
        if not progress["step"]:
            return
        # JAX takes the values into the first step, TensorFlow has no metrics
        # before it.
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
                "goes on, and the model holds its state. If it is interrupted "
                f"now, it goes on from {newest or 'the start'}. Free the disk "
                "before the next checkpoint, or save the model elsewhere.",
                stacklevel=2,
            )


def _replicas():
    """Number of processes, and of replicas in all of them."""
    processes = len(distribution.gather_objects(None))
    return [processes, distribution.num_replicas()]
