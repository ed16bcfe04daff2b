"""Prints one line for each epoch."""

import collections
import sys
import time

import keras

WIDTH = 80
RECENT = 5  # epochs that the remaining time is estimated from
STEP_SECONDS = 0.5  # between two displays of the step, in a terminal
# The logs that are shown, in this order, as many as fit into a line.
COLUMNS = (
    ("loss", "loss", "{:.4g}"),
    ("val_text_to_image_recall@1", "held-out recall@1", "{:.1%}"),
    ("val_text_to_image_recall@10", "@10", "{:.1%}"),
    ("accuracy", "right", "{:.1%}"),
    ("val_accuracy", "held-out", "{:.1%}"),
    ("contrastive_accuracy", "views matched", "{:.1%}"),
    ("effective_rank", "rank", "{:.1f}"),
)


class EpochLines(keras.callbacks.Callback):
    """Prints an epoch's number, its main logs and the time left.

    In a terminal it also shows the step within an epoch. A resumed run first
    prints which epoch it resumes after. All logs are in `history.csv`.
    """

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._total = self.params["epochs"]
        self._times: collections.deque[float] = collections.deque(maxlen=RECENT)
        self._done = 0
        self._started = False
        self._shows_steps = sys.stdout.isatty()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch
        if not self._started and epoch:
            print(f"Resuming after epoch {epoch} of {self._total}.", flush=True)
        self._started = True
        self._start = self._shown = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        now = time.perf_counter()
        if self._shows_steps and now - self._shown > STEP_SECONDS:
            self._shown = now
            steps = self.params.get("steps")
            of = f"/{steps}" if steps else ""
            text = f"{self._number()}  step {batch + 1}{of}"
            print(f"\r{text:{WIDTH - 1}}", end="", flush=True)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        seconds = time.perf_counter() - self._start
        if self._done == 1:
            self._times.clear()  # The first epoch compiled the model.
        self._done += 1
        self._times.append(seconds)
        left = (self._total - epoch - 1) * sum(self._times) / len(self._times)
        times = duration(seconds)
        if epoch + 1 < self._total:
            times += f", {duration(left)} left"
        line = self._number()
        for name, label, form in COLUMNS:
            if logs and name in logs:
                column = f"  {label} {form.format(float(logs[name]))}"
                if len(line) + len(column) + len(times) + 2 <= WIDTH:
                    line += column
        clear = f"\r{'':{WIDTH - 1}}\r" if self._shows_steps else ""
        print(f"{clear}{line}  {times}", flush=True)

    def _number(self):
        width = len(str(self._total))
        return f"epoch {self._epoch + 1:>{width}}/{self._total}"


def duration(seconds: float) -> str:
    """Formats a duration: 2.5 s, 40 s, 12 min, 3 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
