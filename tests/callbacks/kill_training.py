"""SIGKILL at random moments of training, again and again.

    KERAS_BACKEND=jax python -m tests.callbacks.kill_training --kills 50

Trains a SimCLRModel and a CLIPModel in a process that is killed at random
moments, which are those of steps, of checkpoints being written and of going
on, and started again until it ends; the history and the weights must be those
of a process that was left alone, bit for bit.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc
from tests.callbacks import runs

ROOT = Path(__file__).parents[2]
STARTED = "training"
RUNS = {"simclr": runs.simclr_run, "clip": runs.clip_run}


class SayStarted(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        print(STARTED, flush=True)


def train(directory, epochs):
    """What runs in the process that is killed."""
    for name, run in RUNS.items():
        keras.utils.set_random_seed(0)
        model, data = run()
        checkpoint = kc.callbacks.Checkpoint(directory / name, every_n_steps=1)
        history = model.fit(
            **data,
            epochs=epochs,
            callbacks=[checkpoint, SayStarted()],
            verbose=0,
        )
        np.savez(
            directory / f"{name}.npz",
            json.dumps(history.history),
            *map(keras.ops.convert_to_numpy, model.variables),
            *map(keras.ops.convert_to_numpy, model.optimizer.variables),
        )


def run_once(directory, epochs, seconds=None):
    """Runs the process, and kills it so long after its first step.

    Returns:
        Whether it was killed, and how long after its first step it ended.
    """
    arguments = ["--child", str(directory), "--epochs", str(epochs)]
    process = subprocess.Popen(
        [sys.executable, "-m", __spec__.name, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    # None if the training was over already.
    started = process.stdout.readline()
    start = time.monotonic()
    if seconds is not None and started:
        killer = threading.Timer(seconds, process.kill)
        killer.start()
    process.stdout.read()
    status = process.wait()
    if seconds is not None and started:
        killer.cancel()
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"The training ended with status {status}.")
    return status != 0, time.monotonic() - start


def results(directory):
    for name in RUNS:
        with np.load(directory / f"{name}.npz") as file:
            yield name, dict(file)


def differences(directory, expected):
    """Names of the arrays that two trainings left different."""
    return [
        f"{name}/{key}"
        for (name, ours), (_, theirs) in zip(
            results(directory), results(expected), strict=True
        )
        for key in theirs
        if not np.array_equal(ours[key], theirs[key])
    ]


def kill_and_restart(folder, kills, epochs=20, seed=0):
    """Kills a training `kills` times, perhaps in several trainings.

    Returns:
        The number of trainings that went through, and the names of the arrays
        that differ.
    """
    choose = random.Random(seed)
    whole = folder / "whole"
    whole.mkdir()
    _, duration = run_once(whole, epochs)
    different, finished, killed = [], 0, 0
    while True:
        directory = folder / f"killed_{finished}"
        directory.mkdir()
        was_killed = True
        while was_killed:
            moment = choose.uniform(0, duration) if killed < kills else None
            was_killed, _ = run_once(directory, epochs, moment)
            killed += was_killed
        finished += 1
        different += differences(directory, whole)
        if killed == kills:
            return finished, different


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", default=20, type=int)
    parser.add_argument("--epochs", default=20, type=int)
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument("--child", type=Path, help="used by itself")
    args = parser.parse_args()
    if args.child:
        train(args.child, args.epochs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            finished, different = kill_and_restart(
                Path(folder), args.kills, args.epochs, args.seed
            )
        print(
            f"{keras.backend.backend()}: {args.kills} kills in {finished} "
            f"trainings; {len(different)} arrays differ: {different}"
        )
        sys.exit(bool(different))
