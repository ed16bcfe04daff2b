"""Starts `training_run` on one device or many, and compares what it wrote."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.distribution.training_run import batches_of

ROOT = Path(__file__).parents[2]

# Arguments of `training_run` and number of processes.
SETUPS = {
    "tensorflow": {
        "MirroredStrategy, 2 replicas": (["--devices=2"], 1),
        "MirroredStrategy, 4 replicas": (["--devices=4"], 1),
        "MultiWorkerMirroredStrategy, 2 workers": ([], 2),
    },
    "jax": {
        "DataParallel, 8 devices": (["--devices=8"], 1),
        "ModelParallel, 4 x 2 devices": (
            ["--devices=8", "--model-parallel"],
            1,
        ),
        "DataParallel, 2 processes x 2 devices": (["--devices=2"], 2),
    },
    "torch": {
        "torchrun, 2 processes": ([], 2),
        "torchrun, 4 processes": ([], 4),
    },
}


def train(backend, folder, setup=None, *more):
    """Runs one setup, `None` for one device; returns what it measured.

    `more` are further arguments of `training_run`.
    """
    arguments, world_size = SETUPS[backend][setup] if setup else ([], 1)
    output = Path(folder) / "run.npz"
    meeting_point = f"127.0.0.1:{_free_port(world_size)}"
    if backend == "torch":
        meeting_point = str(Path(folder) / "meeting_point")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # XLA's devices on the CPU wait for each other in threads of one pool,
        # which is as large as the machine has cores: too few, and all wait.
        "PJRT_NPROC": "32",
    }
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.distribution.training_run",
                str(output),
                *arguments,
                *more,
                f"--rank={rank}",
                f"--world-size={world_size}",
                f"--meeting-point={meeting_point}",
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world_size)
    ]
    try:
        printed = [p.communicate(timeout=500)[0] for p in processes]
    finally:
        for process in processes:
            process.kill()
    for process, text in zip(processes, printed, strict=True):
        if process.returncode:
            raise RuntimeError(text[-5000:])
    with np.load(output) as results:
        return dict(results)


def differences(reference, results, backend, setup):
    """Relative differences by kind: the largest of each, a dict.

    The kinds are those of the names in the files, such as "clip/weight".
    """
    assert set(results) == set(reference)
    worst = {}
    for name, value in results.items():
        expected = reference[name]
        method, kind, *_ = name.split("/")
        if kind == "predict" and backend == "torch":
            # Each process predicts for its own part of the data.
            expected = batches_of(0, SETUPS[backend][setup][1], expected)[0]
        # A loss near 0, the mean of cosines, has the rounding of its terms.
        smallest = 0.1 if kind in ("log", "evaluate") else 1e-12
        scale = max(np.linalg.norm(expected), smallest)
        difference = np.linalg.norm(np.subtract(value, expected)) / scale
        key = f"{method}/{kind}"
        worst[key] = max(worst.get(key, 0.0), float(difference))
    return worst


def _free_port(count):
    """The first of some neighboring ports that are free."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        try:
            for i in range(1, count):
                with socket.socket() as other:
                    other.bind(("127.0.0.1", port + i))
        except OSError:
            continue
        return port
