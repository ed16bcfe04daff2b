"""All that there is to measure on a GPU, for one lent for a few minutes.

    python benchmarks/gpu/all.py --seconds 340 --output runs/gpu
    python benchmarks/gpu/all.py --seconds 420 --output runs/gpu --cifar10

The first measures, the most valuable first: each part is a process with a time
limit of its own, and none that fails stops the next. Each result is appended as
a line of JSON to `results.jsonl` in the output folder as soon as it is there,
what else the parts print to `log.txt`, and `gpu.md` is made of the lines. If
SimCLR on JAX is not finite or slow, the other parts on JAX are left out: the
time is better kept for mending it.

The second trains SimCLR on CIFAR-10 (`train_cifar10.py`) for as many epochs as
the measured speed allows, and resumes if the folder has its state; `--cifar10
byol`, `moco` and `barlow_twins` train those.

README.md beside this file has the command line for the lent machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import results_table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Seconds an epoch on JAX; above it something is wrong.
SLOW_EPOCH = 4.0


class Part(NamedTuple):
    script: str
    backend: str
    limit: float  # seconds


PARTS = [
    Part("ceilings.py", "jax", 40),
    Part("simclr_speed.py", "jax", 130),
    Part("step_speed.py", "jax", 60),
    Part("exactness.py", "jax", 60),
    Part("loss_speed.py", "jax", 60),
    Part("simclr_speed.py", "torch", 75),
    Part("exactness.py", "torch", 45),
    Part("loss_speed.py", "torch", 60),
    Part("clip_speed.py", "jax", 90),
    Part("views_speed.py", "torch", 30),
    Part("views_speed.py", "jax", 30),
    Part("clip_speed.py", "torch", 60),
]


def arguments(values=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--output", default="runs/gpu", type=Path)
    parser.add_argument(
        "--cifar10",
        nargs="?",
        const="simclr",
        metavar="METHOD",
        help="train: simclr by default, byol, moco or barlow_twins",
    )
    parser.add_argument("--backends", nargs="+", default=["jax", "torch"])
    parser.add_argument("--small", action="store_true", help="on a CPU")
    return parser.parse_args(values)


class Results:
    """The lines of results so far, in a file that is never rewritten."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "results.jsonl"
        self.lines = results_table.read(self.path)

    def add(self, part, line):
        line = {"part": part.script, "backend": part.backend, **line}
        self.lines.append(line)
        _append(self.path, json.dumps(line))
        print(json.dumps(line), flush=True)

    def log(self, text):
        _append(self.folder / "log.txt", text.rstrip("\n"))

    def last(self, key, backend):
        """The last value that was reported under a name, or None."""
        values = [
            line[key]
            for line in self.lines
            if key in line and line["backend"] == backend
        ]
        return values[-1] if values else None

    def write_table(self, command):
        results_table.write(self.lines, self.folder / "gpu.md", command)


def _append(path, line):
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def run(part, results, limit, arguments=()):
    """Runs a part, at most `limit` seconds, and keeps what it reports."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-u", HERE / part.script, *arguments],
        env={
            **os.environ,
            "KERAS_BACKEND": part.backend,
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    timer = threading.Timer(limit, process.kill)
    timer.start()
    with process.stdout:
        for line in process.stdout:
            if line.startswith("{"):
                results.add(part, json.loads(line))
            else:
                results.log(f"{part.script}, {part.backend}: {line}")
    code = process.wait()
    timer.cancel()
    seconds = time.perf_counter() - start
    outcome = {"wall_seconds": seconds}
    if code:
        is_late = seconds >= limit
        outcome["failed"] = f"over {limit:.0f} s" if is_late else f"exit {code}"
    results.add(part, {"what": "all of it", **outcome})
    return code == 0


def is_worth_it(part, results):
    """Whether to go on with a part's backend."""
    if part.backend != "jax":
        return True
    seconds = results.last("epoch_seconds", "jax")
    finite = [
        results.last(key, "jax")
        for key in ("weights_are_finite", "features_are_finite")
    ]
    return (seconds is None or seconds <= SLOW_EPOCH) and False not in finite


def measure(parts, results, deadline, arguments=()):
    for part in parts:
        left = deadline - time.perf_counter()
        if left < 5:
            results.add(part, {"what": "all of it", "failed": "no time left"})
        elif not is_worth_it(part, results):
            results.add(part, {"what": "all of it", "failed": "left out"})
        else:
            run(part, results, min(part.limit, left), arguments)


def train_on_cifar10(results, seconds, method):
    part = Part("train_cifar10.py", "jax", seconds)
    # The command stops by itself before it would be killed.
    arguments = ["--seconds", str(seconds - 15)]
    arguments += ["--method", method]
    arguments += ["--state", str(results.folder / f"state-{method}")]
    epoch_seconds = results.last("epoch_seconds", "jax")
    if epoch_seconds is not None:
        arguments += ["--epoch-seconds", str(epoch_seconds)]
    run(part, results, seconds, arguments)


def main(args):
    start = time.perf_counter()
    # The second command finds what the first one compiled.
    cache = Path(tempfile.gettempdir()) / "keras_contrastive_jax"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    results = Results(args.output)
    try:
        if args.cifar10:
            train_on_cifar10(results, args.seconds, args.cifar10)
        else:
            parts = [part for part in PARTS if part.backend in args.backends]
            flags = ["--small"] if args.small else []
            measure(parts, results, start + args.seconds, flags)
    finally:
        results.write_table("python benchmarks/gpu/all.py")


if __name__ == "__main__":
    main(arguments())
